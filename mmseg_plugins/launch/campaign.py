"""What became of each run of a list: no clock, no files, no processes."""

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

STATUSES = ('queued', 'running', 'done', 'failed')


@dataclass(frozen=True)
class End:
    """How one start of a run ended.

    Args:
        status (str): 'done', 'failed' (an error that another start would meet again) or
            'interrupted' (it can go on).
        iteration (int): The iteration reached. Defaults to 0.
        reason (str): In one line. Defaults to ''.
        wall_s (float | None): Seconds. Defaults to None, not known.
    """

    status: str
    iteration: int = 0
    reason: str = ''
    wall_s: float | None = None


@dataclass
class Entry:
    """The state of a run.

    Attributes:
        status (str): One of :data:`STATUSES`.
        note (str): Why it is in this status.
        starts (int): How often it was started.
        reached (int): The furthest iteration of an interrupted start.
        stalled (int): Interruptions in a row without coming further.
        wall_s (float | None): Seconds of all its starts.
    """

    status: str = 'queued'
    note: str = ''
    starts: int = 0
    reached: int = 0
    stalled: int = 0
    wall_s: float | None = None


class Campaign:
    """The scheduling of a run list, whoever executes it.

    First come, first served; an interrupted run joins the queue's end. It is given up after
    ``retries`` interruptions in a row in which it came no further, so every run ends: a run that
    advances between pre-emptions is never given up.

    Args:
        runs (Iterable[Hashable]): The run list, without duplicates.
        retries (int): Defaults to 3.

    Raises:
        ValueError: If a run is in the list twice.
    """

    def __init__(self, runs: Iterable[Hashable], retries: int = 3) -> None:
        self.retries = retries
        self._queue = deque(runs)
        self.entries = {run: Entry() for run in self._queue}
        if len(self.entries) < len(self._queue):
            raise ValueError('a run is in the list twice')
        self.counts = {status: 0 for status in STATUSES}
        self.counts['queued'] = len(self._queue)

    @property
    def over(self) -> bool:
        """Whether every run is done or failed."""
        return not (self.counts['queued'] or self.counts['running'])

    @property
    def running(self) -> list:
        """The started runs."""
        return [run for run, entry in self.entries.items() if entry.status == 'running']

    def next(self) -> Hashable | None:
        """The run whose turn it is; None if none waits."""
        return self._queue[0] if self._queue else None

    def start(self) -> Hashable:
        """Take the run whose turn it is.

        Returns:
            Hashable: The run.
        """
        run = self._queue.popleft()
        self._move(run, 'running')
        self.entries[run].starts += 1
        return run

    def end(self, run: Hashable, end: End) -> Entry:
        """Take note of the end of a start.

        Args:
            run (Hashable): A running run.
            end (End): How it ended.

        Returns:
            Entry: What it is now: done, failed, or queued again.

        Raises:
            ValueError: If it is not running: it would end twice.
        """
        entry = self.entries[run]
        if entry.status != 'running':
            raise ValueError(f'{run} ended and was {entry.status}')
        entry.note = end.reason
        if end.wall_s is not None:
            entry.wall_s = (entry.wall_s or 0) + end.wall_s
        if end.status != 'interrupted':
            self._move(run, end.status)
            return entry
        entry.stalled = 0 if end.iteration > entry.reached else entry.stalled + 1
        entry.reached = max(entry.reached, end.iteration)
        if entry.stalled > self.retries:
            self._move(run, 'failed')
            entry.note = f'{end.reason} ({entry.stalled} times without coming further)'
        else:
            self._move(run, 'queued')
            self._queue.append(run)
        return entry

    def release(self, run: Hashable, note: str = '') -> None:
        """Put a running run back in front: the launcher stops watching, nothing is counted.

        Args:
            run (Hashable): The run.
            note (str): Defaults to ''.
        """
        self._move(run, 'queued')
        self.entries[run].note = note
        self._queue.appendleft(run)

    def _move(self, run: Hashable, status: str) -> None:
        entry = self.entries[run]
        self.counts[entry.status] -= 1
        self.counts[status] += 1
        entry.status = status
