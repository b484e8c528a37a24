from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import torch
from mmengine.hooks import Hook
from mmseg.models.backbones.resnet import BasicBlock, Bottleneck
from mmseg.registry import HOOKS
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from mmseg_plugins.errors import UserError

from .network_parts import trained_network


@HOOKS.register_module()
class CheckpointingHook(Hook):
    """Activation checkpointing: memory for time, with equal results.

    Each residual block of the student's backbone keeps its input alone; the backward pass computes
    the rest once more. mmseg's own ``with_cp=True`` does so too, but counts every batch twice in
    the running statistics of batch norm, and MMEngine's ``activation_checkpointing`` needs
    ``FlexibleRunner``. Passes without gradient are left as they are.

    Raises:
        UserError: If the backbone has no residual block of mmseg's ResNet.
    """

    priority = 'LOW'  # after those that copy the network (EMAHook, MeanTeacherHook)

    def before_train(self, runner) -> None:
        """Wrap the blocks."""
        backbone = trained_network(runner).backbone
        blocks = [part for part in backbone.modules() if isinstance(part, BasicBlock | Bottleneck)]
        if not blocks:
            raise UserError(
                f'CheckpointingHook: {type(backbone).__name__} has no residual blocks of an mmseg '
                'ResNet; use its own with_cp=True where it has one'
            )
        for block in blocks:
            if not hasattr(block.forward, 'checkpointed'):  # of a training before
                block.forward = _checkpointed(block)


def _checkpointed(block: nn.Module) -> Callable:
    inner = block.forward

    def forward(x):
        if not torch.is_grad_enabled():
            return inner(x)
        return checkpoint(
            inner,
            x,
            use_reentrant=False,
            context_fn=lambda: (nullcontext(), _keeping_statistics(block)),
        )

    forward.checkpointed = True
    return forward


@contextmanager
def _keeping_statistics(module: nn.Module) -> Iterator[None]:
    """Normalise by the batch, and count it in copies of the running statistics alone."""
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm) and m.training]
    kept = [(norm, *item) for norm in norms for item in norm.named_buffers(recurse=False)]
    for norm, name, statistic in kept:
        setattr(norm, name, statistic.clone())
    try:
        yield
    finally:
        for norm, name, statistic in kept:
            setattr(norm, name, statistic)
