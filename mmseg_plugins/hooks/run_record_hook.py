"""Write down what a training run is and how far it came."""

import json
import os
import sys
import time

from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop
from mmseg.registry import HOOKS

from mmseg_plugins.errors import UserError, one_line
from mmseg_plugins.results.environment import device_name
from mmseg_plugins.results.record_file import contradiction
from mmseg_plugins.results.run_record import RunRecord, training_of

from .process_end import ProcessEnd


@HOOKS.register_module()
class RunRecordHook(Hook):
    """Keep ``<work_dir>/<timestamp>/run.json`` true from before the first iteration to the end.

    The file is written before the first iteration, at every validation, at least every ``interval``
    seconds, and at the end; always whole, never in part. MMEngine calls no hook when training
    raises, so :class:`ProcessEnd` listens for it: ``failed`` after an exception (also one that is
    raised while the data are built), ``interrupted`` after Ctrl-C, SIGTERM, SIGHUP (the signal is
    then delivered as before) and an exit. Only trainings are recorded, on rank 0.
    ``results/README.md`` defines the keys.

    Args:
        interval (float): Longest time in seconds between two writes while iterations go on.
            Defaults to 60.
        warmup (int): First iterations left out of ``images_per_s``. Defaults to 5.
    """

    # After every other hook: a run is finished when its last checkpoint is saved.
    priority = 'LOWEST'

    def __init__(self, interval: float = 60.0, warmup: int = 5) -> None:
        self.interval = interval
        self.warmup = warmup
        self._record: RunRecord | None = None
        self._described = False
        self._mark: float | None = None
        self._seen = 0
        self._pid = os.getpid()
        self._end = ProcessEnd(self.fail, self._close)
        self._end.listen(errors_only=True)

    def before_run(self, runner) -> None:
        """Describe the run and install the handlers; nothing is written yet.

        Args:
            runner (Runner): The runner. Unless it is about to train, nothing happens.
        """
        training = isinstance(runner._train_loop, BaseLoop)  # its config until train() builds it
        if self._described or not training:
            return
        self._described = True
        devices = all_gather_object(device_name(next(runner.model.parameters()).device))
        if not is_main_process():
            self._end.stop()
            return
        self._record = RunRecord(runner, self.interval, devices)
        self._end.listen()
        if reason := contradiction(self._record.content):
            runner.logger.warning(f'this run {reason}; tools/gather_results.py will not take it')

    def before_train(self, runner) -> None:
        """Write the first record, with the iteration that a resumed run starts from.

        Args:
            runner (Runner): The runner.

        Raises:
            UserError: If the record cannot be written, or would replace that of another run that
                goes on; better now than after hours.
        """
        if self._record is None:
            return
        self._refuse_another()
        self._record.content.update(iters_done=runner.iter, resumed_from=runner.iter or None)
        try:
            self._record.write()
        except OSError as error:
            raise UserError(
                f'cannot write {self._record.path}: {error.strerror}; free space or choose another '
                '--work-dir'
            ) from error

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Count the iteration and keep the record alive.

        Args:
            runner (Runner): The runner.
            batch_idx (int): Unused.
            data_batch (Any): Unused.
            outputs (dict, optional): Unused.
        """
        if self._record is None:
            return
        if not self._record.is_open:  # the handler that was there before let the process live
            self._record.reopen()
            self._end.listen()
        now = time.monotonic()
        self._seen += 1
        if self._mark is not None and self._seen > self.warmup:
            self._record.timed(now - self._mark)
        self._mark = now
        self._record.content['iters_done'] = runner.iter + 1
        self._beat(runner)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Count the iteration that a checkpoint holds: SIGTERM may have closed the record in it.

        Args:
            runner (Runner): The runner.
            checkpoint (dict): What is about to be saved.
        """
        if self._record is None:
            return
        self._record.content['iters_done'] = checkpoint['meta']['iter']
        if not self._record.is_open:
            self._beat(runner, now=True)

    def before_val(self, runner) -> None:
        """Keep the validation out of the throughput."""
        self._mark = None

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Keep the record alive through a long validation."""
        if self._record is not None:
            self._beat(runner)

    def after_val_epoch(self, runner, metrics: dict[str, float] | None = None) -> None:
        """Record the last and the best validation.

        Args:
            runner (Runner): The runner.
            metrics (dict[str, float], optional): Metrics in percent: ``mIoU`` and ``IoU.<class>``.
        """
        if self._record is None or not metrics:
            return
        self._record.scored(runner.iter, metrics)
        self._beat(runner, now=True)

    def after_run(self, runner) -> None:
        """Record the end.

        Args:
            runner (Runner): The runner.
        """
        if self._record is None:
            return
        done, planned = (self._record.content[key] for key in ('iters_done', 'iters_planned'))
        early = f'training was stopped at iteration {done} of {planned}' if done < planned else None
        self._close('finished', early)

    def fail(self, error: BaseException) -> None:
        """Record that an exception ended the run; for callers that catch it themselves.

        Args:
            error (BaseException): Ctrl-C counts as ``interrupted``, anything else as ``failed``.
        """
        if not self._described and os.getpid() == self._pid:
            self._describe_late(error)
        if isinstance(error, KeyboardInterrupt):
            self._close('interrupted', 'KeyboardInterrupt')
        elif isinstance(error, UserError):
            self._close('failed', one_line(error))
        else:
            # A loader worker's traceback ends with the error; other messages begin with it.
            lines = str(error).strip().splitlines() or ['']
            line = lines[-1 if 'Traceback' in str(error) else 0]
            self._close('failed', f'{type(error).__name__}: {line}'[:500])

    def _describe_late(self, error: BaseException) -> None:
        """Describe a run that ended before its data were built, if it was a training."""
        runner = training_of(error)
        if runner is None or self not in runner.hooks or not is_main_process():
            return
        try:
            self._record = RunRecord(runner, self.interval)
        except Exception as problem:  # must not stand in the way of the error itself
            print(f'no run.json: {problem}', file=sys.stderr)

    def _refuse_another(self) -> None:
        """Two processes that start in one second share a folder; the second must not go on."""
        path = self._record.path
        try:
            other = json.loads(path.read_text())
            foreign = other['status'] == 'running'
            foreign = foreign and other['run_id'] != self._record.content['run_id']
        except (OSError, ValueError, TypeError, KeyError):
            return
        if foreign:
            self._end.stop()
            self._record = None
            raise UserError(
                f'{path} is the record of another run that goes on; start this one again, with a '
                '--work-dir of its own'
            )

    def _beat(self, runner, now: bool = False) -> None:
        """Write when it is time to. A full disk must not end a training that runs."""
        if now or time.monotonic() - self._record.written >= self.interval:
            try:
                self._record.write()
            except OSError as error:
                runner.logger.warning(f'cannot update {self._record.path}: {error.strerror}')

    def _close(self, status: str, reason: str | None) -> None:
        """Write the end and take the handlers away."""
        self._end.stop()
        if self._record is not None:
            self._record.close(status, reason)
