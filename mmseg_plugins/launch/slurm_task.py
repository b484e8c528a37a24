"""What a Slurm job does: one run, watched by the local executor."""

import signal

from mmseg_plugins.errors import UserError

from .campaign import Campaign, End
from .drive import drive
from .local import LocalExecutor
from .progress import Progress
from .run import Run
from .slurm_commands import job_state, own_job, requeue
from .slurm_files import forget_end, write_end

# The signal before a time limit or a pre-emption comes 90 s before the end; half of it is for
# the last checkpoint.
PATIENCE_S = 60


class SlurmTask:
    """Trains a run, or goes on with it: a job that is requeued calls it again.

    submitit calls :meth:`checkpoint` on its warning signal and then requeues the job.

    Args:
        run (Run): The run.
        mim (str): The mim executable, on the node.
        threads (int): CPU threads.
        retries (int): Interruptions in a row without coming further, within one job.
    """

    # of the process, not of the task, which is pickled again at a checkpoint
    _executor: LocalExecutor | None = None

    def __init__(self, run: Run, mim: str, threads: int, retries: int) -> None:
        self.run = run
        self.mim = mim
        self.threads = threads
        self.retries = retries

    def __call__(self) -> None:
        """Train.

        Raises:
            UserError: If the run failed; Slurm then counts the job as failed, too.
        """
        job = own_job()
        forget_end(self.run)
        signal.signal(signal.SIGTERM, _terminated)
        executor = SlurmTask._executor = LocalExecutor(self.mim, 1, self.threads)
        campaign = Campaign([self.run], self.retries)
        try:
            executor.check([self.run])
            drive(campaign, executor, Progress())
        except UserError as error:
            write_end(self.run, job, End('failed', reason=str(error)))
            raise
        except SystemExit:
            # A cancelled or requeued job has another state by now; one that is pre-empted with
            # a time of grace has not, and would count as ended if it just left.
            if job_state(job) == 'RUNNING':
                requeue(job)
            raise
        entry = campaign.entries[self.run]
        write_end(self.run, job, End(entry.status, entry.reached, entry.note, entry.wall_s))
        if entry.status == 'failed':
            raise UserError(entry.note)

    def checkpoint(self):
        """End the training so that the requeued job goes on with it.

        Returns:
            DelayedSubmission: This task again.
        """
        from submitit.helpers import DelayedSubmission

        if SlurmTask._executor is not None:
            SlurmTask._executor.stop(PATIENCE_S)
        return DelayedSubmission(self)


def _terminated(*_) -> None:
    raise SystemExit(143)
