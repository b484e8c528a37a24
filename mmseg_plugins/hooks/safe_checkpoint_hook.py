"""Checkpoints that no fault can spoil."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
    iteration that goes on, with a checkpoint and exit code 143; in a validation it ends at once,
    and the validation is made up for by :class:`ResumeHook`.

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
        on_main = threading.current_thread() is threading.main_thread()
        if on_main and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            self._before = signal.signal(signal.SIGTERM, self._on_sigterm)

    def _on_sigterm(self, number, frame) -> None:
        self._told = True

    def before_train(self, runner) -> None:
        """Clear away what a killed process left half-written."""
        super().before_train(runner)
        if dist.is_main_process():
            for path in Path(self.out_dir).glob('.*.pth.*.tmp'):
                path.unlink(missing_ok=True)
        # A scheduler tells all processes; without its workers this one could not end its iteration.
        loader = runner.train_dataloader
        loader.worker_init_fn = partial(_hear_parent_only, loader.worker_init_fn)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Save where it is time to, or to end."""
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        if self._should_end(outputs):
            saved = self.keep_ckpt_ids[-1:] if self.max_keep_ckpts > 0 else []
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
