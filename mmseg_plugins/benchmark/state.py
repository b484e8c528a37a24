"""Puts a network into a point of a training: confident nearly everywhere, or nowhere."""

from unittest import mock

import torch
from torch import nn

from mmseg_plugins.errors import UserError
from mmseg_plugins.segmentors import CorrMatch, CutMix, corrmatch

from . import plain_corrmatch
from .trial import Trial

STATES = ('active', 'idle')
GAINS = 24  # doublings that are tried before giving up


def set_state(trial: Trial, state: str) -> float:
    """Scale the classifier until at least half, or none, of the maps pass the first gate.

    CutMix has no maps: there it is the pixels that reach the consistency's threshold.

    Args:
        trial (Trial): Its model is changed.
        state (str): ``'active'`` or ``'idle'``.

    Returns:
        float: The share that passes.

    Raises:
        UserError: If the method has no pseudo labels, or no scale gets it there.
    """
    model = trial.model
    if not isinstance(model, CorrMatch | CutMix):
        raise UserError(
            f'--state {state}: {trial.name} trains {type(model).__name__}, which has no pseudo '
            'labels to pass a gate; leave --state out'
        )
    steps = [1.0] if state == 'active' else [0.25]
    steps += [2.0 if state == 'active' else 0.25] * GAINS
    share = None
    for factor in steps:
        _scale(model, factor)
        share = passing(trial)
        if share >= 0.5 if state == 'active' else share == 0:
            return share
    raise UserError(
        f'--state {state}: {share:.0%} pass the gate at any scale of the classifier; the threshold '
        'may be too high, or 0 as on Cityscapes, which has one state only: leave --state out'
    )


def passing(trial: Trial) -> float | None:
    """The share that passes the first gate in a step of a trial.

    Args:
        trial (Trial): Makes one step.

    Returns:
        float | None: In [0, 1]; None if the method has no pseudo labels.
    """
    model = trial.model
    if isinstance(model, CutMix):
        trial.step(0)
        return float(trial.log['mask_ratio'])
    if not isinstance(model, CorrMatch):
        return None
    passed = []
    is_plain = isinstance(model, plain_corrmatch.PlainCorrMatch)
    module = plain_corrmatch if is_plain else corrmatch
    name = 'propagate_plainly' if is_plain else 'send_regions'
    propagate = getattr(module, name)

    def look(labels, confident, regions, threshold, *args, **kwargs):
        passed.append(first_gate(confident, regions, threshold, **kwargs))
        return propagate(labels, confident, regions, threshold, *args, **kwargs)

    with mock.patch.object(module, name, look):
        trial.step(0)
    return float(torch.cat(passed).float().mean())


def first_gate(
    confident: torch.Tensor,
    regions: torch.Tensor,
    threshold: torch.Tensor | float,
    allowed: torch.Tensor | None = None,
) -> torch.Tensor:
    """Which maps pass CorrMatch's first gate, specification 2.5.

    Args:
        confident (Tensor): Bool (N, H, W).
        regions (Tensor): Bool (N, K, H, W).
        threshold (Tensor | float): Scalar.
        allowed (Tensor, optional): Bool (N, H, W), see ``propagate_regions``. Defaults to None.

    Returns:
        Tensor: Bool (N, K).
    """
    if allowed is not None:
        regions = regions & allowed[:, None]
    total = regions.sum((2, 3))
    count = (regions & confident[:, None]).sum((2, 3))
    return (count > 0) & ~(count / total.clamp(min=1) < threshold)


@torch.no_grad()
def _scale(model: nn.Module, factor: float) -> None:
    for network in (model.student, model.teacher):
        if network is not None:
            head = network.decode_head
            head = head[-1] if isinstance(head, nn.ModuleList) else head
            classifier = head.conv_seg if hasattr(head, 'conv_seg') else head.branches
            for parameter in classifier.parameters():
                parameter.mul_(factor)
