"""What a method must know of the student and the batch that it is given."""

import math

from mmseg.models.backbones import ResNet
from torch import Tensor, nn

from mmseg_plugins.errors import UserError


def read_levels(heads: list[nn.Module], num: int) -> list[int]:
    """Which backbone levels decode heads read, ascending.

    A head with an ``input_transform`` reads its ``in_index`` and nothing else. Without one it may
    look at further levels than ``in_index`` says, as ``DepthwiseSeparableASPPHead`` does.
    """
    if all(head.input_transform for head in heads):
        return sorted({index % num for head in heads for index in head.in_index})
    return list(range(num))


def check_crop(data_preprocessor: nn.Module, backbone: nn.Module) -> None:
    """Refuse a crop (the preprocessor's ``size``) below the stride of an mmseg ResNet."""
    inner = getattr(data_preprocessor, 'data_preprocessor', data_preprocessor)
    size = getattr(inner, 'size', None)
    if size is None or not isinstance(backbone, ResNet):
        return
    stride = 4 * math.prod(backbone.strides)
    if min(size) < stride:
        raise UserError(
            f'CorrMatch: the crop {tuple(size)} is smaller than the stride {stride} of '
            f'{type(backbone).__name__}; use a crop of at least {stride} pixels'
        )


def check_partner(segmentor: nn.Module, inputs: dict[str, Tensor]) -> None:
    """Refuse a batch without the partners that the segmentor's ``box`` takes, or with others.

    Args:
        segmentor (SemiBaseSegmentor): Named in the message.
        inputs (dict[str, Tensor]): View to images.

    Raises:
        UserError: If ``unsup_weak_mix`` is missing or differs in size from ``unsup_weak``.
    """
    owner = type(segmentor).__name__
    if 'unsup_weak_mix' not in inputs:
        raise UserError(
            f"{owner}: {type(segmentor.box).__name__}(partner='stream') needs the "
            "view unsup_weak_mix; add that stream to the loader or set partner='batch'"
        )
    own, partner = (tuple(inputs[view].shape) for view in ('unsup_weak', 'unsup_weak_mix'))
    if own != partner:
        raise UserError(
            f'{owner}: batches of unequal size: unsup_weak {own}, its partner '
            f'unsup_weak_mix {partner} (N, C, H, W); give both streams the same source_ratio '
            'and crop, and the loader the sum of source_ratio as batch_size'
        )
