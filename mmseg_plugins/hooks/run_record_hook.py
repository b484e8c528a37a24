"""Write down what a training run is and how far it came."""

import atexit
import hashlib
import json
import os
import re
import signal
import socket
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Optional

from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop
from mmseg.registry import HOOKS

from mmseg_plugins.errors import UserError, one_line
from mmseg_plugins.results.atomic import write_atomic
from mmseg_plugins.results.environment import (
    device_name,
    find_key,
    git_state,
    json_safe,
    peak_mib,
    versions,
)

SCHEMA = 1
SIGNALS = ('SIGTERM', 'SIGHUP')


@HOOKS.register_module()
class RunRecordHook(Hook):
    """Keep ``<work_dir>/<timestamp>/run.json`` true from before the first iteration to the end.

    The file is written before the first iteration, at every validation, at least every ``interval``
    seconds, and at the end; always whole, never in part. MMEngine calls no hook when training
    raises, so the hook also listens to ``sys.excepthook`` (status ``failed``, or ``interrupted``
    after Ctrl-C), to SIGTERM and SIGHUP (``interrupted``; the signal is then delivered as before)
    and to the end of the process. Only trainings are recorded, on rank 0. ``results/README.md``
    defines the keys.

    Args:
        interval (float): Longest time in seconds between two writes while iterations go on.
            Defaults to 60.
        warmup (int): First iterations left out of ``images_per_s``. Defaults to 5.
    """

    # After every other hook: a run is finished when its last checkpoint is saved.
    priority = 'LOWEST'
    # Whose handlers are installed. Several runs in one process must not pile up.
    _active: ClassVar[Optional['RunRecordHook']] = None

    def __init__(self, interval: float = 60.0, warmup: int = 5) -> None:
        self.interval = interval
        self.warmup = warmup
        self._record: dict[str, Any] | None = None

    def before_run(self, runner) -> None:
        """Describe the run and install the handlers; nothing is written yet.

        Args:
            runner (Runner): The runner. Unless it is about to train, nothing happens.
        """
        training = isinstance(runner._train_loop, BaseLoop)  # its config until train() builds it
        if self._record is not None or not training or not is_main_process():
            return
        self._path = Path(runner.log_dir) / 'run.json'
        self._device = next(runner.model.parameters()).device
        self._pid = os.getpid()
        self._began = self._written = time.monotonic()
        self._mark: float | None = None
        self._seen, self._timed, self._seconds = 0, 0, 0.0
        self._record = self._describe(runner)
        self._install()

    def before_train(self, runner) -> None:
        """Write the first record, with the iteration that a resumed run starts from.

        Args:
            runner (Runner): The runner.

        Raises:
            UserError: If the record cannot be written; better now than after hours.
        """
        if self._record is None:
            return
        self._record.update(iters_done=runner.iter, resumed_from=runner.iter or None)
        try:
            self._write()
        except OSError as error:
            raise UserError(
                f'cannot write {self._path}: {error.strerror}; free space or choose another '
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
        now = time.monotonic()
        self._seen += 1
        if self._mark is not None and self._seen > self.warmup:
            self._timed += 1
            self._seconds += now - self._mark
        self._mark = now
        self._record['iters_done'] = runner.iter + 1
        self._beat(runner)

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
        last = json_safe(
            {
                'iter': runner.iter,
                'mIoU': metrics.get('mIoU'),
                'iou_per_class': {
                    name.removeprefix('IoU.'): value
                    for name, value in metrics.items()
                    if name.startswith('IoU.')
                },
            }
        )
        results = self._record['metrics']
        results['last'] = last
        best = results['best']
        if best is None or (last['mIoU'] is not None and last['mIoU'] > (best['mIoU'] or -1)):
            results['best'] = last
        self._beat(runner, now=True)

    def after_run(self, runner) -> None:
        """Record the end.

        Args:
            runner (Runner): The runner.
        """
        if self._record is None:
            return
        done, planned = self._record['iters_done'], self._record['iters_planned']
        early = f'training was stopped at iteration {done} of {planned}' if done < planned else None
        self._close('finished', early)

    def fail(self, error: BaseException) -> None:
        """Record that an exception ended the run; for callers that catch it themselves.

        Args:
            error (BaseException): Ctrl-C counts as ``interrupted``, anything else as ``failed``.
        """
        if isinstance(error, KeyboardInterrupt):
            self._close('interrupted', 'KeyboardInterrupt')
        elif isinstance(error, UserError):
            self._close('failed', one_line(error))
        else:
            # A loader worker's traceback ends with the error; other messages begin with it.
            lines = str(error).strip().splitlines() or ['']
            line = lines[-1 if 'Traceback' in str(error) else 0]
            self._close('failed', f'{type(error).__name__}: {line}'[:500])

    def _describe(self, runner) -> dict[str, Any]:
        """Everything that is known before the first iteration."""
        cfg, loader = runner.cfg, runner.train_loop.dataloader
        protocol = json_safe(cfg.get('protocol') or {})
        config = Path(cfg.filename).stem if cfg.filename else runner.experiment_name
        label_seed = find_key(cfg.get('train_dataloader'), 'label_seed')
        if label_seed is None:
            label_seed = protocol.get('label_seed')
        commit, dirty = git_state(cfg.filename, __file__)
        started = _now()
        # Readable, safe as a file name, and distinct for runs that start in the same second.
        where = f'{socket.gethostname()}:{self._path.resolve()}:{self._pid}:{started}'
        name = re.sub(r'[^\w.+-]+', '-', f'{config}-seed{runner.seed}-{runner.timestamp}')
        return {
            'schema': SCHEMA,
            'run_id': f'{name}-{hashlib.sha256(where.encode()).hexdigest()[:6]}',
            'config': config,
            'cell': protocol.get('cell'),
            'protocol': protocol,
            'seed': runner.seed,
            'label_seed': json_safe(label_seed),
            'status': 'running',
            'reason': None,
            'iters_done': 0,
            'iters_planned': runner.max_iters,
            'resumed_from': None,
            'metrics': {'last': None, 'best': None},
            'world_size': get_world_size(),
            'batch_size': loader.batch_size or getattr(loader.batch_sampler, 'batch_size', None),
            'device': device_name(self._device),
            'images_per_s': None,
            'peak_mib': None,
            'wall_s': 0.0,
            'commit': commit,
            'dirty': dirty,
            'versions': versions(),
            'command': list(sys.argv),
            'started': started,
            'updated': started,
            'ended': None,
        }

    def _beat(self, runner, now: bool = False) -> None:
        """Write when it is time to. A full disk must not end a training that runs."""
        if now or time.monotonic() - self._written >= self.interval:
            try:
                self._write()
            except OSError as error:
                runner.logger.warning(f'cannot update {self._path}: {error.strerror}')

    def _write(self) -> None:
        self._written = time.monotonic()
        record = self._record
        record.update(
            updated=_now(),
            wall_s=round(self._written - self._began, 1),
            peak_mib=peak_mib(self._device),
        )
        if self._timed and record['batch_size']:
            images = self._timed * record['batch_size'] * record['world_size']
            record['images_per_s'] = round(images / self._seconds, 3)
        write_atomic(self._path, json.dumps(json_safe(record), indent=1, allow_nan=False) + '\n')

    def _close(self, status: str, reason: str | None) -> None:
        """Write the end once, in the process that began, and take the handlers away."""
        self._uninstall()
        if self._record is None or self._record['status'] != 'running' or os.getpid() != self._pid:
            return
        self._record.update(status=status, reason=reason, ended=_now())
        try:
            self._write()
        except OSError as error:
            print(f'cannot update {self._path}: {error.strerror}', file=sys.stderr)

    def _install(self) -> None:
        if RunRecordHook._active is not None:
            RunRecordHook._active._uninstall()
        RunRecordHook._active = self
        self._next_hook, sys.excepthook = sys.excepthook, self._on_exception
        atexit.register(self._on_exit)
        self._signals: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in SIGNALS if hasattr(signal, name)):
                # A signal that is ignored (nohup) stays ignored.
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._signals[number] = signal.signal(number, self._on_signal)

    def _uninstall(self) -> None:
        if RunRecordHook._active is not self:
            return
        RunRecordHook._active = None
        if sys.excepthook == self._on_exception:
            sys.excepthook = self._next_hook
        atexit.unregister(self._on_exit)
        for number, handler in self._signals.items():
            if signal.getsignal(number) == self._on_signal:
                signal.signal(number, handler)

    def _on_exception(self, kind, error, traceback) -> None:
        self.fail(error)
        self._next_hook(kind, error, traceback)

    def _on_signal(self, number: int, frame) -> None:
        # Where the whole process group is told to end, loader workers die first, and torch's
        # handler for that would raise in the middle of the write.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._close('interrupted', f'received {signal.Signals(number).name}')
        os.kill(os.getpid(), number)  # now with the handler that was there before

    def _on_exit(self) -> None:
        self._close('interrupted', 'the process ended before the training did')


def _now() -> str:
    """The time as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).strftime('%Y-%m-%dT%H:%M:%SZ')
