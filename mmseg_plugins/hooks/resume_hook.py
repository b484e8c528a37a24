"""What a run loads fits it, and what was interrupted goes on as if it had not been."""

from pathlib import Path

from mmengine.dist import broadcast_object_list, get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop
from mmseg.registry import HOOKS

from mmseg_plugins.checkpoints import fit, load_file, state_dict_of
from mmseg_plugins.checkpoints.load import shorten
from mmseg_plugins.config_changes import FREE, flat
from mmseg_plugins.errors import UserError
from mmseg_plugins.results.literals import read_literals


@HOOKS.register_module()
class ResumeHook(Hook):
    """Choose, check and complete what a run starts from.

    - ``--resume`` goes on from the newest checkpoint that can be read; one that was cut short is
      named and passed over. A file without the state of an optimizer is refused.
    - The checkpoint of a resumed or tested run must have exactly the model's tensors; MMEngine
      would warn and go on with random weights. One that a training only starts from
      (``load_from``) must have some of them.
    - A run that was interrupted in a validation makes up for it first.
    - A config, or a number of ranks, that changed since is refused.

    Args:
        allow_changes (bool): Resume with a changed config. Defaults to False.
    """

    def __init__(self, allow_changes: bool = False) -> None:
        self.allow_changes = allow_changes
        self.validated: int | None = 0

    def before_run(self, runner) -> None:
        """Choose the checkpoint of ``--resume``.

        Raises:
            UserError: If there are checkpoints but none that can be read.
        """
        if not runner._resume or runner._load_from is not None:
            return
        answer = [self._newest(runner) if is_main_process() else None]
        broadcast_object_list(answer)
        found, error = answer[0]
        if error:
            raise UserError(error)
        runner._load_from, runner._resume = found, found is not None

    def _newest(self, runner) -> tuple[str | None, str | None]:
        """Newest checkpoint that can be read, and what is wrong if none of them can."""
        work_dir, error = Path(runner.work_dir), None
        paths = _saved(work_dir)
        last = work_dir / 'last_checkpoint'
        if not paths and last.is_file():  # the hook's `out_dir` may be another folder
            paths = _saved(Path(last.read_text().strip()).parent)
        for path in paths:
            try:
                load_file(path)
                return str(path), None
            except UserError as problem:
                error = f'{problem}'
                runner.logger.warning(f'{error}; the checkpoint before it is tried')
        if error is None:
            runner.logger.info(f'no checkpoint in {runner.work_dir}: the run starts anew')
        return None, error and f'no checkpoint in {runner.work_dir} can be resumed: {error}'

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Compare the checkpoint with the model and, when resuming, with the config.

        Raises:
            UserError: If it does not fit.
        """
        path = runner._load_from
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        state, what = state_dict_of(checkpoint, path), f'the {type(model).__name__} of this config'
        checkpoint.setdefault('state_dict', state)  # the only place where MMEngine looks for some
        if isinstance(runner._train_loop, BaseLoop) and not runner._resume:
            shapes = {name: value.shape for name, value in model.state_dict().items()}
            if not any(shapes.get(name) == value.shape for name, value in state.items()):
                raise UserError(
                    f'{path} has none of the tensors of {what}: it has {shorten(state)}; name a '
                    'checkpoint of such a model (tools/convert_checkpoint.py converts others)'
                )
            return
        fit(state, model, path, what, 'give the config that it was trained with')
        if not runner._resume:
            return
        meta = checkpoint.get('meta')
        absent = [key for key in ('optimizer', 'message_hub') if key not in checkpoint]
        if not (isinstance(meta, dict) and type(meta.get('iter')) is int):
            absent.append('number of its iteration')
        if absent:
            raise UserError(
                f'{path} cannot be resumed: it has no {" and no ".join(absent)}; name an '
                'iter_*.pth, or start from its weights with load_from and without --resume'
            )
        self._refuse_changes(runner, meta, path)
        self.validated = meta.get('validated')

    def _refuse_changes(self, runner, meta: dict, path: str) -> None:
        try:
            before = flat(read_literals(meta.get('cfg')))
        except ValueError:
            runner.logger.warning(f'{path} has no config to compare with')
            return
        now = flat(runner.cfg.to_dict())
        now['ranks'] = get_world_size()
        before['ranks'] = meta.get('world_size', now['ranks'])
        changed = [
            f'{key} {before.get(key, "unset")!s:.40} -> {now.get(key, "unset")!s:.40}'
            for key in sorted({*before, *now})
            if before.get(key) != now.get(key) and not FREE.match(key)
        ]
        if not changed:
            return
        message = f'the config has changed since {path} was saved: {shorten(changed)}'
        if not self.allow_changes:
            raise UserError(
                f'{message}; take the config back, start anew in another --work-dir, or resume '
                'with --cfg-options default_hooks.resume.allow_changes=True'
            )
        runner.logger.warning(message)

    def before_train_epoch(self, runner) -> None:
        """Make up for a validation."""
        loop, done = runner.train_loop, runner.iter
        if not done or runner.val_loop is None or self.validated in (done, None):
            return
        if done >= loop.val_begin and (done % loop.val_interval == 0 or done == loop.max_iters):
            runner.logger.info(f'validating after {done} iterations, as it was interrupted')
            runner.val_loop.run()

    def after_val(self, runner) -> None:
        """Note that this validation is done, with all that other hooks do after it."""
        self.validated = runner.iter

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Save which validation was the last, and what the config does not say."""
        checkpoint['meta'].update(validated=self.validated, world_size=get_world_size())


def _saved(folder: Path) -> list[Path]:
    """Checkpoints, the one saved last first: the numbers may be those of an earlier start."""
    paths = [path for path in folder.glob('iter_*.pth') if path.stem[5:].isdigit()]
    return sorted(paths, key=lambda path: (path.stat().st_mtime_ns, int(path.stem[5:])))[::-1]
