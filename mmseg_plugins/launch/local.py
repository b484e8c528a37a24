"""Runs on this machine."""

import os
from pathlib import Path

from mmseg_plugins.errors import UserError

from .campaign import End
from .job import Job, stop
from .run import Run, shown


class LocalExecutor:
    """At most ``jobs`` runs at once, each on a group of GPUs of its own.

    Args:
        mim (str): The mim executable.
        jobs (int, optional): Runs at once. Defaults to as many as the GPUs allow; 1 on the CPU.
        threads (int, optional): CPU threads of each run. Defaults to cores / runs at once.
    """

    poll_s = 0.5
    left = 'interrupted; the same command goes on with it'

    def __init__(self, mim: str, jobs: int | None = None, threads: int | None = None) -> None:
        self.mim = mim
        self.jobs = jobs
        self.threads = threads
        self._free: list[str] | None = None
        self._given: dict[Run, list[str]] = {}
        self._jobs: dict[Run, Job] = {}

    def check(self, runs: list[Run]) -> None:
        """Refuse runs with more GPUs than there are.

        Raises:
            UserError: Naming the run.
        """
        greatest = max(runs, key=lambda run: run.gpus)
        self._free = visible_devices() if greatest.gpus else []
        if greatest.gpus > len(self._free):
            raise UserError(
                f'{greatest.name} takes {greatest.gpus} GPUs and this machine shows '
                f'{len(self._free)}; use --gpus {len(self._free)}'
            )
        if self.jobs is None:
            self.jobs = len(self._free) or 1

    def room(self, run: Run) -> bool:
        """Set GPUs aside for a run, if there are enough; a run on the CPU sees none."""
        if len(self._given) >= self.jobs or run.gpus > len(self._free):
            return False
        self._given[run], self._free = self._free[: run.gpus], self._free[run.gpus :]
        return True

    def environment(self, run: Run) -> dict[str, str]:
        """The variables that a run gets beside the inherited ones."""
        threads = self.threads or max(1, len(os.sched_getaffinity(0)) // self.jobs)
        return {
            'OMP_NUM_THREADS': str(threads),
            'CUDA_VISIBLE_DEVICES': ','.join(self._given[run]),
        }

    def start(self, runs: list[Run]) -> dict[Run, End | str]:
        """Start runs that have room; those that are finished are done at once."""
        started = {run: self._start(run) for run in runs}
        for run, how in started.items():
            if isinstance(how, End):
                self._give_back(run)
        return started

    def _start(self, run: Run) -> End | str:
        try:
            todo, why = run.decide()
            if todo == 'skip':
                return End('done', reason=why)
            command = run.command(self.mim, todo == 'resume')
            environment = {**os.environ, **self.environment(run)}
            job = Job(run, command, environment, append=todo == 'resume')
        except UserError as error:
            return End('failed', reason=str(error))
        except OSError as error:  # of this run's folder; the others go on
            return End('failed', reason=f'cannot start in {shown(run.work_dir)}: {error.strerror}')
        self._jobs[run] = job
        kept = f'; its checkpoints are kept in {shown(job.kept)}' if job.kept else ''
        return f'{why or "starts"}{kept}, log {shown(run.log)}'

    def poll(self) -> dict[Run, End]:
        """The runs whose processes have ended."""
        ended = {run: job for run, job in self._jobs.items() if job.over()}
        for run in ended:
            del self._jobs[run]
            self._give_back(run)
        return {run: job.end() for run, job in ended.items()}

    def notes(self) -> dict[Run, tuple[str, str]]:
        """Iterations, time left and score of each running one."""
        return {run: ('running', job.note()) for run, job in self._jobs.items()}

    def stop(self, patience: float = 30) -> None:
        """End what runs, so that it is recorded as interrupted.

        Args:
            patience (float): Seconds until it is killed. Defaults to 30.
        """
        jobs = list(self._jobs.values())
        self._jobs.clear()
        if jobs:
            stop(jobs, patience)

    def _give_back(self, run: Run) -> None:
        self._free = [*self._free, *self._given.pop(run)]


def visible_devices() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    visible = os.environ.get('CUDA_VISIBLE_DEVICES')
    if visible == '':
        return []
    import torch  # takes seconds and is needed here only

    present = torch.cuda.device_count()  # CUDA ends the list at the first that there is not
    return [str(i) for i in range(present)] if visible is None else visible.split(',')[:present]


def check_writable(work_dirs: str | Path) -> None:
    """Make the parent of the work directories, or say why it cannot be.

    Raises:
        UserError: On a read-only disk, a full one, a file in its place, missing permission.
    """
    path = Path(work_dirs).absolute()
    probe = path / f'.launch-{os.getpid()}'
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.write_text('')
        probe.unlink()
    except OSError as error:
        raise UserError(
            f'cannot write in {shown(path)}: {error.strerror}; give another place: --work-dirs'
        ) from None
