"""Other people's checkpoints under our names."""

import re
from functools import partial
from pathlib import Path

import torch
from mmseg.registry import MODELS
from torch import Tensor

from mmseg_plugins.errors import UserError

from .fit import Fitted, fit
from .names import BACKBONE, CORRMATCH, rename

BN = dict(type='BN', requires_grad=True)
_BLOCKS = {6: 50, 23: 101, 36: 152}  # blocks of the third stage: depth


def convert_backbone(source: dict[str, Tensor], path: str | Path) -> Fitted:
    """A public deep-stem ImageNet ResNet as mmseg's ``ResNetV1c`` with ``stem_channels=128``.

    Args:
        source (dict[str, Tensor]): Name to tensor; the classifier ``fc`` is dropped.
        path (str | Path): Where it comes from, for messages.

    Returns:
        Fitted: The backbone's tensors.

    Raises:
        UserError: If it is another network.
    """
    depth = _depth(source, '')
    what = f'ResNet-{depth} with a deep stem of 64, 64 and 128 channels'
    fix = 'give a deep-stem ImageNet ResNet-50 or 101, with the names conv1.0.weight and so on'
    names = partial(rename, names=BACKBONE)
    return fit(source, _on_meta(_backbone(depth)), path, what, fix, names, drop=('fc.',))


def convert_corrmatch(
    source: dict[str, Tensor], path: str | Path, threshold: float | None = None
) -> Fitted:
    """A full checkpoint of the CorrMatch reference as our ``CorrMatch`` segmentor.

    Args:
        source (dict[str, Tensor]): Name to tensor.
        path (str | Path): Where it comes from, for messages.
        threshold (float, optional): The reference saves none; None leaves it to ``thresh_init`` of
            the model that loads the result. Defaults to None.

    Returns:
        Fitted: The segmentor's tensors.

    Raises:
        UserError: If it is another network or the threshold is outside [0, 1].
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise UserError(f'threshold is {threshold}; give a confidence from 0 to 1')
    depth, classifier = _depth(source, 'backbone.'), source.get('classifier.weight')
    classes = 21 if classifier is None else len(classifier)
    criterion = dict(type='CrossEntropyLoss', avg_non_ignore=True)
    head = dict(type='DeepLabV3PlusHead', num_classes=classes, norm_cfg=BN, loss_decode=criterion)
    model = dict(
        type='CorrMatch',
        student=dict(type='EncoderDecoder', backbone=_backbone(depth), decode_head=head),
        correlation=dict(
            type='CorrelationHead', in_channels=2048, num_classes=classes, norm_cfg=BN
        ),
    )
    what = f'CorrMatch with ResNet-{depth} and {classes} classes'
    fix = "give a whole checkpoint of the reference's training, with its own names"
    names = partial(rename, names=CORRMATCH)
    fitted = fit(source, _on_meta(model), path, what, fix, names, leave=('threshold',))
    if threshold is not None:
        fitted.state['threshold'], fitted.left = torch.tensor(float(threshold)), []
    return fitted


def _on_meta(model: dict) -> torch.nn.Module:
    """Built without memory: only names and shapes are asked for."""
    with torch.device('meta'):
        return MODELS.build(model)


def _backbone(depth: int) -> dict:
    return dict(type='ResNetV1c', depth=depth, stem_channels=128, norm_cfg=BN)


def _depth(source: dict[str, Tensor], prefix: str) -> int:
    """The depth that the number of blocks tells; 101, the published one, for another network."""
    pattern = re.compile(rf'{re.escape(prefix)}layer3\.(\d+)\.')
    blocks = {match[1] for match in map(pattern.match, source) if match}
    return _BLOCKS.get(len(blocks), 101)
