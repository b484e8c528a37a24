from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmseg.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Training steps under bfloat16 autocast, on a GPU or a processor.

    bfloat16 has the range of float32, so that no loss is scaled; MMEngine's ``AmpOptimWrapper``
    would scale it, wait for the GPU once a step to look for overflow, and refuse a processor.

    Convolutions and matrix products are in bfloat16. Weights, gradients and the optimizer's state
    are float32, and so is what follows a network: its logits leave it in float32
    (:func:`~mmseg_plugins.ops.precision.full_precision`), and cross entropy is one of the functions
    that autocast itself leaves in float32.

    Args:
        **kwargs: See MMEngine's ``OptimWrapper``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """The context of one forward pass of training.

        Args:
            model (nn.Module): What is trained; its first parameter says on which device.
        """
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, torch.bfloat16):
            yield
