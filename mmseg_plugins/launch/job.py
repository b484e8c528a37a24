"""One started run: its processes, its log and why it failed."""

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from mmseg_plugins.errors import UserError

from .campaign import End
from .progress import duration
from .run import Run
from .state import RunState

# exit statuses of a process that a signal has ended: SIGINT, SIGKILL, SIGTERM
SIGNALLED = (130, 137, 143)
# a run that is asked to end writes a checkpoint first
PATIENCE_S = 30
# what torchrun itself logs, as `E1121 17:28:57.123 31170 .../torch/distributed/elastic/...`, and
# what NCCL and gloo say on the way out, `[rank0]:[W1121 ...`
TORCHRUN = re.compile(r'(\[rank\d+\]:)?\[?[IWEF]\d{4} \d\d:\d\d:\d\d')


class Job:
    """Starts a run in a process group of its own.

    The log is locked, and the lock lives in the file handle that mim and the training inherit: it
    is free again exactly when the last of them is gone. So two launchers never train in one
    directory, and :func:`stop` knows when the run has written its last record.

    Args:
        run (Run): What to train.
        command (list[str]): Its command.
        env (dict): Its environment.
        append (bool): Keep what the log holds, for a resumed run. A fresh one also forgets the
            last checkpoint: an earlier start's go to ``earlier/<its timestamp>``. Defaults to
            False.

    Raises:
        UserError: If the log is locked or cannot be written.
    """

    def __init__(self, run: Run, command: list[str], env: dict, append: bool = False) -> None:
        self.run = run
        self._older = RunState.folders(run.work_dir)
        self._first = None
        self.kept: Path | None = None
        self._orphaned: float | None = None
        self.started = time.monotonic()
        try:
            run.work_dir.mkdir(parents=True, exist_ok=True)
            log = open(run.log, 'ab')
        except OSError as error:
            raise UserError(f'cannot write {run.log}: {error.strerror}') from None
        with log:
            if not _lock(log):
                raise UserError(f'{run.work_dir}: another launcher is training here; wait for it')
            if not append:
                log.truncate(0)
                self._set_aside()
            self._offset = log.seek(0, os.SEEK_END)
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=env,
                start_new_session=True,
                preexec_fn=_ignore_warning,
            )

    def _set_aside(self) -> None:
        """An earlier start's checkpoint must not be what a later resume finds, nor be lost."""
        work_dir = self.run.work_dir
        (work_dir / 'last_checkpoint').unlink(missing_ok=True)
        checkpoints = [*work_dir.glob('iter_*.pth'), *work_dir.glob('best_*.pth')]
        if checkpoints:
            start = max((folder.name for folder in self._older), default='unknown')
            self.kept = work_dir / 'earlier' / start
            self.kept.mkdir(parents=True, exist_ok=True)
        for path in checkpoints:
            path.rename(self.kept / path.name)

    @property
    def state(self) -> RunState | None:
        """What this start has recorded; None before its first record."""
        return RunState.read(self.run.work_dir, self._older)

    @property
    def wall_s(self) -> float:
        return time.monotonic() - self.started

    def note(self) -> str:
        """How far it is: iterations, time left, last mIoU."""
        state = self.state
        if state is None:
            return f'starting, {duration(self.wall_s)}'
        now, done, planned = time.monotonic(), state.iteration(), state.iters_planned
        if done and self._first is None:
            self._first = now, done
        left = '?'
        if self._first and done > self._first[1]:
            since, reached = self._first
            left = duration((planned - done) * (now - since) / (done - reached))
        miou = state.miou()
        score = '' if miou is None else f', mIoU {miou:.2f}'
        return f'iteration {done}/{planned}, {left} left{score}'

    def end(self) -> End:
        """How it ended, once its process has.

        A run that went away without an error of its own can go on: its record says that it was
        interrupted, or still that it is running (killed). mim's exit status alone would call a
        run done that its record says stopped early.
        """
        state, code = self.state, self.process.returncode
        reached = state.iteration() if state else 0
        if code == 0 and (state is None or state.status == 'finished'):
            miou = state and state.miou()
            score = '' if miou is None else f'mIoU {miou:.2f}'
            return End('done', reached, score, self.wall_s)
        reason = self.failure()
        killed = reason.startswith('killed by ') or code in SIGNALLED
        recorded = state.status in ('interrupted', 'running') if state else killed
        status = 'interrupted' if code and recorded else 'failed'
        return End(status, reached, reason, self.wall_s)

    def failure(self) -> str:
        """Why it failed, in one line: the record's reason, else what the log ends with."""
        state = self.state
        if state and state.status in ('failed', 'interrupted') and state.reason:
            return state.reason
        if self.process.returncode < 0:
            return f'killed by {signal.Signals(-self.process.returncode).name}'
        try:
            with open(self.run.log, 'rb') as log:
                log.seek(self._offset)
                text = log.read().decode(errors='replace')
        except OSError as error:  # someone has removed the work directory
            return f'cannot read {self.run.log}: {error.strerror}'
        return log_reason(text) or f'exit status {self.process.returncode}, the log is empty'

    def signal(self, number: int) -> None:
        """Send a signal to all processes of the run."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def over(self) -> bool:
        """Whether it has ended. A training that mim, killed alone, left behind is ended first."""
        if self.process.poll() is None:
            return False
        if self.gone():
            return True
        if self._orphaned is None:
            self._orphaned = time.monotonic()
            self.signal(signal.SIGTERM)
        elif time.monotonic() - self._orphaned > PATIENCE_S:
            self.signal(signal.SIGKILL)
            return True
        return False

    def gone(self) -> bool:
        """Whether every process of the run has ended."""
        if self.process.poll() is None:
            return False
        try:
            with open(self.run.log, 'ab') as log:
                return _lock(log)
        except OSError:  # removed: there is nothing left to record in
            return True


def stop(jobs: list[Job], patience: float = PATIENCE_S) -> None:
    """End jobs: ask all at once, so that they can record it, and kill what stays.

    Args:
        jobs (list[Job]): The running jobs.
        patience (float): Seconds they are given. Defaults to 30.
    """
    try:
        for job in jobs:
            job.signal(signal.SIGTERM)
        until = time.monotonic() + patience
        while time.monotonic() < until and not all(job.gone() for job in jobs):
            time.sleep(0.1)
    finally:  # also when Ctrl-C is pressed again while waiting
        for job in jobs:
            job.signal(signal.SIGKILL)
            job.process.wait()


def log_reason(text: str) -> str:
    """The one line of a failed run's log that says why.

    mim ends every failed run with a ``CalledProcessError`` traceback of its own; that is never the
    reason, except that it alone knows the signal which killed the training. So does torchrun, with
    a ``ChildFailedError`` and a table of the ranks.

    Args:
        text (str): What the run printed.

    Returns:
        str: The last ``error:`` line, else the last line of the training; '' if there is none.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines and 'CalledProcessError: ' in lines[-1]:
        if killed := re.search(r'died with <Signals\.(\w+)', lines[-1]):
            memory = ' (out of memory?)' if killed[1] == 'SIGKILL' else ''
            return f'killed by {killed[1]}{memory}'
        lines = _before_traceback(lines, len(lines) - 1)
    torchrun = [i for i, line in enumerate(lines) if 'errors.ChildFailedError:' in line]
    if torchrun:
        lines = _before_traceback(lines, torchrun[-1])
    lines = [re.sub(r'^\[rank\d+\]:\s*', '', line) for line in lines if not TORCHRUN.match(line)]
    errors = [line for line in lines if line.startswith('error: ')]
    return errors[-1].removeprefix('error: ') if errors else (lines or [''])[-1]


def _before_traceback(lines: list[str], end: int) -> list[str]:
    starts = [i for i, line in enumerate(lines[:end]) if line.startswith('Traceback ')]
    return lines[: starts[-1] if starts else end]


def _ignore_warning() -> None:
    """Slurm's warning before the end goes to all processes of a job, and would end the training;
    it is for the launcher, which then asks for a checkpoint."""
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)


def _lock(file) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
