"""Losses over a filter of pixels, averaged over the real ones.

The sum over the *filter* is divided by the number of *valid* pixels, so that few confident pixels
give a small loss. With no valid pixel the loss is zero, not NaN.
"""

import torch.nn.functional as F
from torch import Tensor

from mmseg_plugins.ops.denominator import denominator


def _mean_over_valid(loss: Tensor, mask: Tensor, valid: Tensor, denominators: str) -> Tensor:
    total = (loss * mask).sum()
    return total / denominator(valid.sum(), denominators).to(total.dtype)


def masked_cross_entropy(
    logits: Tensor, label: Tensor, mask: Tensor, valid: Tensor, denominators: str = 'rank'
) -> Tensor:
    """Cross entropy with hard pseudo labels over the pixels of a filter.

    Source: CorrMatch, specification 2.6.

    Args:
        logits (Tensor): Shape (N, C, H, W).
        label (Tensor): int64 (N, H, W), always a class.
        mask (Tensor): Bool (N, H, W), the pixels that contribute.
        valid (Tensor): Bool (N, H, W), the pixels that are counted in the denominator.
        denominators (str): Whose valid pixels are counted: ``'rank'`` or ``'global'``. Defaults to
            ``'rank'``.

    Returns:
        Tensor: 0-d.
    """
    return masked_nll(logits.log_softmax(dim=1), label, mask, valid, denominators)


def masked_nll(
    log_prob: Tensor, label: Tensor, mask: Tensor, valid: Tensor, denominators: str = 'rank'
) -> Tensor:
    """:func:`masked_cross_entropy` of log probabilities that another term needs as well.

    Args:
        log_prob (Tensor): Shape (N, C, H, W).
        label (Tensor): See :func:`masked_cross_entropy`, as the others.
        mask (Tensor): Likewise.
        valid (Tensor): Likewise.
        denominators (str): Likewise. Defaults to ``'rank'``.

    Returns:
        Tensor: 0-d.
    """
    loss = F.nll_loss(log_prob, label, reduction='none')
    return _mean_over_valid(loss, mask, valid, denominators)


def masked_kl_divergence(
    log_prob: Tensor,
    target_log_prob: Tensor,
    target_prob: Tensor,
    mask: Tensor,
    valid: Tensor,
    denominators: str = 'rank',
) -> Tensor:
    """``KL(target || prediction)`` summed over classes, over the pixels of a filter.

    Both forms of the target are wanted, because the exponential that ``F.kl_div`` takes of log
    probabilities is slow where it underflows, and a softmax is at hand.

    Source: CorrMatch, specification 2.6.

    Args:
        log_prob (Tensor): Log probabilities of the prediction, shape (N, C, H, W).
        target_log_prob (Tensor): Log probabilities of the target, likewise; without gradient.
        target_prob (Tensor): Its probabilities, likewise.
        mask (Tensor): Bool (N, H, W), the pixels that contribute.
        valid (Tensor): Bool (N, H, W), the pixels that are counted in the denominator.
        denominators (str): Whose valid pixels are counted: ``'rank'`` or ``'global'``. Defaults to
            ``'rank'``.

    Returns:
        Tensor: 0-d.
    """
    divergence = (target_prob * (target_log_prob - log_prob)).sum(dim=1)
    return _mean_over_valid(divergence, mask, valid, denominators)
