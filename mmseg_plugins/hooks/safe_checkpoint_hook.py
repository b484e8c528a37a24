"""Checkpoints that no fault can spoil."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import mmengine.dist as dist
import torch
from mmengine.hooks import CheckpointHook
from mmseg.registry import HOOKS

from mmseg_plugins.errors import UserError

EXIT_CODE = 128 + signal.SIGTERM  # what a shell and a scheduler take for "ended by SIGTERM"


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """MMEngine's hook; a file is written whole or not at all, and kept until the next is complete.

    SIGTERM, which a scheduler sends before it takes a machine away, ends the training after the
    optimizer step that goes on, with a checkpoint and exit code 143; in a validation it ends at
    once, and the validation is made up for by :class:`ResumeHook`.

    Where MMEngine accumulates gradients over iterations, ``interval`` and ``save_begin`` are
    rounded up to whole optimizer steps: a checkpoint does not hold the gradients of a half one.

    Args:
        args (Any): As for MMEngine's ``CheckpointHook``.
        backend_args (dict): MMEngine's file backend. Defaults to ``dict(backend='atomic')``.
        kwargs (Any): As for MMEngine's ``CheckpointHook``.
    """

    def __init__(self, *args, backend_args: dict | None = None, **kwargs) -> None:
        super().__init__(*args, backend_args=backend_args or dict(backend='atomic'), **kwargs)
        self._told = False
        self._before = None

    def before_run(self, runner) -> None:
        """Listen to SIGTERM."""
        if threading.current_thread() is not threading.main_thread():
            return
        before = signal.getsignal(signal.SIGTERM)
        if isinstance(getattr(before, '__self__', None), SafeCheckpointHook):
            before = signal.SIG_DFL  # of a run in this process that failed
        if before == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._on_sigterm)
            self._before = before

    def _on_sigterm(self, number, frame) -> None:
        self._told = True

    def before_train(self, runner) -> None:
        """Clear away what a killed process left half-written."""
        info = runner.message_hub.runtime_info
        if 'keep_ckpt_ids' in info:  # from the checkpoint; MMEngine removes files by it
            info['keep_ckpt_ids'] = [step for step in info['keep_ckpt_ids'] if type(step) is int]
        super().before_train(runner)
        self._take_best(runner)
        # iterations of an AccumulatingTrainLoop are optimizer steps already
        whole = hasattr(runner.train_loop, 'accumulate')
        counts = 1 if whole else getattr(runner.optim_wrapper, '_accumulative_counts', 1)
        if not self.by_epoch and self.interval > 0:
            self.interval = -(-self.interval // counts) * counts
            self.save_begin = -(-self.save_begin // counts) * counts
        if dist.is_main_process():
            for path in Path(self.out_dir).glob('.*.pth.*.tmp'):
                path.unlink(missing_ok=True)
        # A scheduler tells all processes; without its workers this one could not end its iteration.
        for loop in (runner.train_loop, runner.val_loop):
            if loop is not None:
                loader = loop.dataloader
                loader.worker_init_fn = partial(_hear_parent_only, loader.worker_init_fn)

    def _take_best(self, runner) -> None:
        """Of the best checkpoint, which the next one replaces, take the name and not the place.

        The place comes from the checkpoint: a run that was copied must not remove the file of the
        original, nor a file from elsewhere any file at all.
        """
        if runner._resume:
            self.last_ckpt = runner._load_from  # is saved again where a validation is made up for
        if self.save_best is None:
            return

        def own(path):
            name = Path(path).name if isinstance(path, str) else ''
            named = name.startswith('best_') and name.endswith('.pth')
            return self.file_backend.join_path(self.out_dir, name) if named else None

        if len(self.key_indicators) == 1:
            self.best_ckpt_path = own(self.best_ckpt_path)
        else:
            paths = self.best_ckpt_path_dict
            self.best_ckpt_path_dict = {key: own(path) for key, path in paths.items()}

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Save where it is time to, or to end."""
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        if runner.optim_wrapper.should_update() and self._should_end(outputs):
            saved = list(self.keep_ckpt_ids)[-1:] if self.max_keep_ckpts > 0 else []
            if runner.iter + 1 not in saved:
                self._save_checkpoint(runner)
            self._end(runner, f'checkpoint saved after {runner.iter + 1} iterations')

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """End in the middle of a validation: it may be long, and can be repeated."""
        if self._told and self._before is not None:
            self._end(runner, 'in a validation, which is repeated')

    def after_run(self, runner) -> None:
        """Listen no more."""
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)
            self._before = None

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Leave functions out, as ``OneCycleLR`` has one: what loads a file runs no code of it."""
        schedulers = checkpoint.get('param_schedulers', [])
        for states in schedulers.values() if isinstance(schedulers, dict) else [schedulers]:
            states[:] = [{k: v for k, v in state.items() if not callable(v)} for state in states]

    def _should_end(self, outputs: dict | None) -> bool:
        """Whether any rank was told: not all of them hear of it in the same iteration."""
        if not dist.is_distributed():
            return self._told
        values = (outputs or {}).values()
        device = next((v.device for v in values if torch.is_tensor(v)), None)
        told = torch.tensor(float(self._told), device=device)
        dist.all_reduce(told)
        return bool(told)

    def _end(self, runner, what: str) -> None:
        runner.logger.info(f'SIGTERM: {what}; go on with --resume')
        raise SystemExit(EXIT_CODE)

    def _save_checkpoint_with_step(self, runner, step, meta) -> None:
        if not (self.by_epoch or runner.optim_wrapper.should_update()):
            return  # MMEngine saves after a validation with a new best; this one is in half a step
        with self._keeping_old():
            try:
                super()._save_checkpoint_with_step(runner, step, meta)
            except OSError as error:
                raise UserError(
                    f'cannot write {self.last_ckpt}: {error.strerror or error}; make room and go '
                    'on with --resume: the checkpoint before it is still there'
                ) from error

    def _save_best_checkpoint(self, runner, metrics) -> None:
        with self._keeping_old():
            try:
                super()._save_best_checkpoint(runner, metrics)
            except OSError as error:
                raise UserError(
                    f'cannot write {self.best_ckpt_path}: {error.strerror or error}; make room and '
                    'go on with --resume'
                ) from error

    @contextmanager
    def _keeping_old(self) -> Iterator[None]:
        """Remove what MMEngine removes before it saves when it has saved."""
        backend = self.file_backend
        self.file_backend = later = _RemovesLater(backend)
        try:
            yield
        finally:
            self.file_backend = backend
        for path in later.removed:
            with suppress(FileNotFoundError):
                backend.remove(path)


class _RemovesLater:
    """A file backend that notes what is to be removed."""

    def __init__(self, backend) -> None:
        self.backend = backend
        self.removed: list[str] = []

    def __getattr__(self, name: str):
        return getattr(self.backend, name)

    def remove(self, path: str) -> None:
        self.removed.append(path)


def _hear_parent_only(then, worker_id: int) -> None:
    """Make a loader worker end when its own process says so, not when a scheduler tells them all.

    Ignoring SIGTERM would not do: Python ends with it the workers that are left when it exits.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=_await_parent, daemon=True).start()
    if then is not None:
        then(worker_id)


def _await_parent() -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)
