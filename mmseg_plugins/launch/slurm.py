"""Runs on a Slurm cluster, as job arrays submitted by submitit."""

import contextlib
import importlib.util
import signal
from collections.abc import Iterator
from pathlib import Path

from mmseg_plugins.errors import UserError

from .campaign import End
from .run import Run, shown
from .slurm_commands import (
    ask,
    complaint,
    job_state,
    largest_array,
    minutes,
    partitions,
    queued_jobs,
    requeue,
)
from .slurm_files import forget_end, read_end, read_submitted, write_submitted
from .slurm_task import SlurmTask
from .state import RunState

JOB_NAME = 'mmseg-plugins'
# data loaders and the training itself
CPUS_PER_GPU = 6
# Slurm restarts a job after a time limit as often as the training needs.
RESTARTS = 10**6


class SlurmExecutor:
    """Submits all runs at once, one array per number of GPUs, and watches them.

    Slurm decides when each starts and starts it again after a pre-emption, a lost node or a time
    limit. The launcher requeues what ended without a word, a cancelled job too. Jobs outlive the
    launcher; the next one finds them and submits nothing twice.

    Args:
        mim (str): The mim executable, at the same place on the nodes.
        work_dirs (str): Parent of the work directories, on a disk that the nodes share. The job
            logs go to ``slurm/`` below it.
        jobs (int, optional): Runs at once. Defaults to as many as Slurm starts.
        threads (int, optional): CPUs of each run. Defaults to 6 per GPU, 1 without.
        retries (int): Of a run within its job. Defaults to 3.
        options (dict[str, str], optional): Further options of sbatch. Defaults to none.
        poll_s (float): Seconds between two looks at the queue. Defaults to 10.
    """

    left = f'its job goes on; the same command watches it again, scancel -n {JOB_NAME} ends all'

    def __init__(
        self,
        mim: str,
        work_dirs: str,
        jobs: int | None = None,
        threads: int | None = None,
        retries: int = 3,
        options: dict[str, str] | None = None,
        poll_s: float = 10,
    ) -> None:
        self.mim = mim
        self.folder = Path(work_dirs).absolute() / 'slurm'
        self.jobs = jobs
        self.threads = threads
        self.retries = retries
        self.options = dict(options or {})
        self.poll_s = poll_s
        self._jobs: dict[Run, str] = {}
        self._queue: dict[str, tuple[str, str]] = {}
        # the jobs of earlier starts of this launcher, for a requeue
        self._known: dict[Run, str] = {}

    def check(self, runs: list[Run]) -> None:
        """Refuse without Slurm or submitit, on an unknown partition or a wrong time limit.

        Raises:
            UserError: With what there is.
        """
        ask('sbatch', '--version')
        if importlib.util.find_spec('submitit') is None:
            raise UserError(
                "--executor slurm needs submitit; install it: pip install 'mmseg-plugins[slurm]'"
            )
        known = partitions()
        partition = self.options.get('partition', '')
        if partition not in known and ',' not in partition:
            names = ', '.join(filter(None, known))
            what = f'partition {partition} does not exist' if partition else 'no default partition'
            raise UserError(f'--executor slurm: {what}; known are {names}: --slurm partition=NAME')
        self._minutes = minutes(self.options.get('time', known.get(partition, '')))
        self._largest = largest_array()

    def room(self, run: Run) -> bool:
        """Slurm has a queue of its own."""
        return True

    def start(self, runs: list[Run]) -> dict[Run, End | str]:
        """Watch what an earlier launcher submitted, requeue what ended, submit the rest.

        Raises:
            UserError: If sbatch refuses.
        """
        self._queue = queued_jobs()
        started, left = {}, []
        for run in runs:
            started[run] = how = self._without_submission(run)
            if how is None:
                left.append(run)
        for group in self._groups(left):
            with _undisturbed():
                for run, job in zip(group, self._submit(group), strict=True):
                    write_submitted(run, job)
                    self._jobs[run] = job
                    started[run] = f'submitted as Slurm job {job}'
        return started

    def _without_submission(self, run: Run) -> End | str | None:
        """A run that is finished or has a job; None for the others."""
        if job := self._known.pop(run, None):
            forget_end(run)
            if requeue(job):
                self._jobs[run] = job
                return f'requeued as Slurm job {job}'
        found = read_submitted(run)
        if found and found[0] in self._queue:
            if found[1] != run.command():
                return End('failed', reason=f'Slurm job {found[0]} trains here with other options')
            self._jobs[run] = found[0]
            return f'is Slurm job {found[0]} already'
        try:
            todo, why = run.decide()
            run.work_dir.mkdir(parents=True, exist_ok=True)
        except UserError as error:
            return End('failed', reason=str(error))
        except OSError as error:
            return End('failed', reason=f'cannot write {run.work_dir}: {error.strerror}')
        forget_end(run)
        return End('done', reason=why) if todo == 'skip' else None

    def _groups(self, runs: list[Run]) -> Iterator[list[Run]]:
        """Arrays: of one number of GPUs, and no larger than Slurm takes."""
        for gpus in sorted({run.gpus for run in runs}, reverse=True):
            alike = [run for run in runs if run.gpus == gpus]
            for first in range(0, len(alike), self._largest):
                yield alike[first : first + self._largest]

    def _submit(self, runs: list[Run]) -> list[str]:
        import submitit

        gpus = runs[0].gpus
        threads = self.threads or max(1, CPUS_PER_GPU * gpus)
        options = {key: value for key, value in self.options.items() if key != 'time'}
        if self.jobs and self._jobs:
            # A cap belongs to an array: with one, arrays go one after the other.
            others = sorted({job.partition('_')[0] for job in self._jobs.values()})
            options['dependency'] = 'afterany:' + ':'.join(others)
        try:
            executor = submitit.SlurmExecutor(self.folder, max_num_timeout=RESTARTS)
            executor.update_parameters(
                job_name=JOB_NAME,
                time=self._minutes,
                cpus_per_task=threads,
                gpus_per_node=gpus or None,
                array_parallelism=self.jobs or len(runs),
                stderr_to_stdout=True,
                additional_parameters={'requeue': True, **options},
            )
            share = max(1, threads // max(1, gpus))
            tasks = [SlurmTask(run, self.mim, share, self.retries) for run in runs]
            return [job.job_id for job in executor.submit_array(tasks)]
        except submitit.core.utils.FailedJobError as error:
            raise UserError(f'--executor slurm: sbatch: {complaint(str(error))}') from None
        except OSError as error:
            raise UserError(f'cannot write in {shown(self.folder)}: {error.strerror}') from None

    def poll(self) -> dict[Run, End]:
        """The runs whose job has left the queue; none while Slurm does not answer."""
        try:
            self._queue = queued_jobs()
        except UserError:
            return {}
        ended = {}
        for run, job in list(self._jobs.items()):
            if job not in self._queue:
                del self._jobs[run]
                self._known[run] = job
                ended[run] = read_end(run, job) or self._lost(run, job)
        return ended

    def _lost(self, run: Run, job: str) -> End:
        state = RunState.read(run.work_dir)
        how = job_state(job).lower().replace('_', ' ') or 'cancelled or lost'
        reached = state.iteration() if state else 0
        return End('interrupted', reached, f'Slurm job {job} ended without a word ({how})')

    def notes(self) -> dict[Run, tuple[str, str]]:
        """Of the submitted ones: waiting for what, or how far."""
        notes = {}
        for run, job in self._jobs.items():
            state, reason = self._queue.get(job, ('PENDING', ''))
            if state != 'RUNNING':
                notes[run] = 'queued', f'Slurm job {job}: {state.lower()}, {reason}'
                continue
            record = RunState.read(run.work_dir)
            done = f', iteration {record.iteration()}/{record.iters_planned}' if record else ''
            notes[run] = 'running', f'Slurm job {job}{done}'
        return notes

    def stop(self) -> None:
        """Nothing ends: the jobs are Slurm's."""


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold signals back: a job that is submitted and not noted would be submitted again."""
    held = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
