"""The loop between a campaign and what executes its runs."""

import time
from collections.abc import Callable
from typing import Protocol

from .campaign import Campaign, End
from .progress import Progress, duration
from .run import Run


class Executor(Protocol):
    """Where runs train: this machine, or a cluster."""

    poll_s: float
    # what a run is that the launcher left when it was ended
    left: str

    def check(self, runs: list[Run]) -> None:
        """Refuse what cannot be executed here, before anything starts.

        Raises:
            UserError: With what is wrong.
        """

    def room(self, run: Run) -> bool:
        """Whether a run can start now; what it needs is then set aside for it."""

    def start(self, runs: list[Run]) -> dict[Run, End | str]:
        """Start runs for which there is room.

        Returns:
            dict[Run, End | str]: How each starts; its end if it needs no start or failed at it.
        """

    def poll(self) -> dict[Run, End]:
        """The runs that have ended since the last call."""

    def notes(self) -> dict[Run, tuple[str, str]]:
        """For the started runs, 'queued' or 'running' and where they are."""

    def stop(self) -> None:
        """The launcher ends; whatever is started must be resumable."""


def drive(
    campaign: Campaign,
    executor: Executor,
    progress: Progress,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Execute a campaign until each run is done or failed.

    However it ends (Ctrl-C, an error), the executor is stopped and what was running is queued in
    the campaign again.

    Args:
        campaign (Campaign): The runs.
        executor (Executor): Where they train.
        progress (Progress): Shows them.
        pause (Callable[[float], None]): Waits between two looks. Defaults to ``time.sleep``.
    """
    with progress:
        try:
            while not campaign.over:
                batch = []
                while (run := campaign.next()) is not None and executor.room(run):
                    batch.append(campaign.start())
                for run, started in (executor.start(batch) if batch else {}).items():
                    if isinstance(started, End):
                        _settle(campaign, run, started, progress)
                    else:
                        progress.say(f'{run.name}: {started}')
                for run, end in executor.poll().items():
                    _settle(campaign, run, end, progress)
                progress.update(campaign, executor.notes())
                if campaign.counts['running']:
                    pause(executor.poll_s)
        finally:
            left = list(executor.notes())
            try:
                if left:
                    progress.say(f'{len(left)} running: {executor.left}')
                executor.stop()
            finally:
                for run in reversed(campaign.running):
                    campaign.release(run, executor.left if run in left else '')


def _settle(campaign: Campaign, run: Run, end: End, progress: Progress) -> None:
    entry = campaign.end(run, end)
    took = '' if end.wall_s is None else f' after {duration(end.wall_s)}'
    if entry.status == 'queued':
        progress.say(f'{run.name}: interrupted{took}, starts again: {end.reason}')
    else:
        over = campaign.counts['done'] + campaign.counts['failed']
        reason = f': {entry.note}' if entry.note else ''
        progress.say(f'[{over}/{len(campaign.entries)}] {run.name}: {entry.status}{took}{reason}')
