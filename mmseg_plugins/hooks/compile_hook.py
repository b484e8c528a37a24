from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from .network_parts import parts, trained_network


@HOOKS.register_module()
class CompileHook(Hook):
    """Runs the student's parts through ``torch.compile``.

    They are compiled in place (``nn.Module.compile``), so names of weights, checkpoints, the
    teacher and averages stay as they are. Methods, losses and pseudo labels are not compiled, nor
    is the teacher. MMEngine's own ``cfg.compile`` compiles the whole step, in which CorrMatch's
    regions are walked in NumPy.

    A part takes effect where it is called as a module: the backbone always, a decode head in
    CorrMatch. Of heads that mmseg calls by ``forward``, their convolutions run as before.

    Not equal bit for bit: fused operations round otherwise, and dropout inside of a compiled part
    draws other numbers (of the same law).

    Args:
        mode (str, optional): See ``torch.compile``, e.g. ``'max-autotune-no-cudagraphs'``. Defaults
            to None, PyTorch's default.
        dynamic (bool, optional): See ``torch.compile``. None compiles for the crop, and once more
            for any size when validation shows others. Defaults to None.
    """

    priority = 'LOW'  # after those that copy the network (EMAHook, MeanTeacherHook)

    def __init__(self, mode: str | None = None, dynamic: bool | None = None) -> None:
        self.mode = mode
        self.dynamic = dynamic

    def before_train(self, runner) -> None:
        """Compile; it happens when a part is first called."""
        for part in parts(trained_network(runner)).values():
            part.compile(mode=self.mode, dynamic=self.dynamic)
