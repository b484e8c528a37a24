"""Runs a run list on this machine."""

import os
import time
from dataclasses import dataclass

from mmseg_plugins.errors import UserError

from .job import Job, stop
from .progress import Progress, duration
from .run import Run, shown
from .state import RunState

POLL_S = 0.5


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Args:
        run (Run): The run.
        status (str): 'finished', 'skipped' (finished before) or 'failed'.
        wall_s (float | None): Seconds, of the earlier start for a skipped run.
        reason (str): Why it failed. Defaults to ''.
    """

    run: Run
    status: str
    wall_s: float | None
    reason: str = ''

    def miou(self, which: str) -> float | None:
        """The 'last' or 'best' mIoU its work directory records; None for a failed run."""
        state = None if self.status == 'failed' else RunState.read(self.run.work_dir)
        return state and state.miou(which)


class LocalExecutor:
    """Runs at most ``jobs`` at once; one that fails does not stop the others.

    Args:
        mim (str): The mim executable.
        jobs (int): Runs at once. Defaults to 1.
        gpus (int): GPUs of each run. Defaults to 0: the GPUs are hidden from it, because mim's
            ``--gpus 0`` alone leaves MMEngine free to take one.
        threads (int, optional): CPU threads of each run. Defaults to cores / jobs.
    """

    def __init__(self, mim: str, jobs: int = 1, gpus: int = 0, threads: int | None = None) -> None:
        self.mim = mim
        self.jobs = jobs
        self.gpus = gpus
        self.threads = threads or max(1, len(os.sched_getaffinity(0)) // jobs)
        self._devices = self._visible_devices()

    def _visible_devices(self) -> list[str]:
        if not self.gpus:
            return []
        visible = os.environ.get('CUDA_VISIBLE_DEVICES')
        if visible is None:
            import torch  # takes seconds and is needed here only

            devices = [str(i) for i in range(torch.cuda.device_count())]
        else:
            devices = [device for device in visible.split(',') if device]
        if len(devices) < self.gpus:
            raise UserError(f'--gpus {self.gpus}: this machine shows {len(devices)}; use --gpus 0')
        return devices

    def environment(self, slot: int = 0) -> dict[str, str]:
        """The variables that a run in a slot gets beside the inherited ones.

        Slots take the GPUs in turn; with more jobs than GPUs, they share them.
        """
        first = slot * self.gpus
        devices = [self._devices[(first + i) % len(self._devices)] for i in range(self.gpus)]
        return {
            'OMP_NUM_THREADS': str(self.threads),
            'CUDA_VISIBLE_DEVICES': ','.join(devices),
        }

    def run(self, runs: list[Run], progress: Progress | None = None) -> list[Outcome]:
        """Train what is left of a run list.

        Args:
            runs (list[Run]): The run list.
            progress (Progress, optional): Defaults to a new one.

        Returns:
            list[Outcome]: In the order of the list. Ctrl-C ends the running ones first and then
            goes on as ``KeyboardInterrupt``.
        """
        outcomes = {}
        waiting = list(runs)
        slots: dict[int, Job] = {}
        with progress or Progress(len(runs)) as progress:
            try:
                while waiting or slots:
                    while waiting and len(slots) < self.jobs:
                        run = waiting.pop(0)
                        slot = min(set(range(self.jobs)) - set(slots))
                        started = self._start(run, slot, progress)
                        if isinstance(started, Job):
                            slots[slot] = started
                        else:
                            outcomes[run] = started
                    for slot, job in list(slots.items()):
                        if job.process.poll() is not None:
                            outcomes[job.run] = self._end(job, progress)
                            del slots[slot]
                    rest = [f'{len(waiting)} waiting'] if waiting else []
                    progress.update([job.line() for job in slots.values()] + rest)
                    if slots:
                        time.sleep(POLL_S)
            finally:
                if slots:
                    progress.say(f'ending {len(slots)} running, please wait')
                    stop(list(slots.values()))
        return [outcomes[run] for run in runs]

    def _start(self, run: Run, slot: int, progress: Progress) -> Job | Outcome:
        try:
            todo, why = run.decide()
            if todo == 'skip':
                progress.finish(f'{run.name}: skipped, {why}')
                return Outcome(run, 'skipped', RunState.read(run.work_dir).record.get('wall_s'))
            resume = todo == 'resume'
            command = run.command(self.mim, self.gpus, resume)
            job = Job(run, command, {**os.environ, **self.environment(slot)}, append=resume)
        except UserError as error:
            progress.finish(f'{run.name}: failed: {error}')
            return Outcome(run, 'failed', None, str(error))
        progress.say(f'{run.name}: {why or "starts"}, log {shown(run.log)}')
        return job

    def _end(self, job: Job, progress: Progress) -> Outcome:
        state = job.state
        # mim's exit status alone would call a run finished that its record says stopped early.
        if job.process.returncode == 0 and (state is None or state.status == 'finished'):
            outcome = Outcome(job.run, 'finished', job.wall_s)
            miou = outcome.miou('last')
            score = 'no mIoU recorded' if miou is None else f'mIoU {miou:.2f}'
            progress.finish(f'{job.run.name}: finished in {duration(job.wall_s)}, {score}')
            return outcome
        reason = job.failure()
        progress.finish(f'{job.run.name}: failed after {duration(job.wall_s)}: {reason}')
        return Outcome(job.run, 'failed', job.wall_s, reason)
