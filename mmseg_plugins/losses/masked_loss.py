"""Losses over a filter of pixels, averaged over the real ones.

The sum over the *filter* is divided by the number of *valid* pixels, so that few confident pixels
give a small loss. With no valid pixel the loss is zero, not NaN.
"""

import torch.nn.functional as F
from torch import Tensor


def _mean_over_valid(loss: Tensor, mask: Tensor, valid: Tensor) -> Tensor:
    return (loss * mask).sum() / valid.sum().clamp(min=1)


def masked_cross_entropy(logits: Tensor, label: Tensor, mask: Tensor, valid: Tensor) -> Tensor:
    """Cross entropy with hard pseudo labels over the pixels of a filter.

    Source: CorrMatch, specification 2.6.

    Args:
        logits (Tensor): Shape (N, C, H, W).
        label (Tensor): int64 (N, H, W), always a class.
        mask (Tensor): Bool (N, H, W), the pixels that contribute.
        valid (Tensor): Bool (N, H, W), the pixels that are counted in the denominator.

    Returns:
        Tensor: 0-d.
    """
    return _mean_over_valid(F.cross_entropy(logits, label, reduction='none'), mask, valid)


def masked_kl_divergence(
    logits: Tensor, target_logits: Tensor, mask: Tensor, valid: Tensor
) -> Tensor:
    """``KL(target || prediction)`` summed over classes, over the pixels of a filter.

    Source: CorrMatch, specification 2.6. No gradient reaches the target.

    Args:
        logits (Tensor): Prediction, shape (N, C, H, W).
        target_logits (Tensor): Target, shape (N, C, H, W).
        mask (Tensor): Bool (N, H, W), the pixels that contribute.
        valid (Tensor): Bool (N, H, W), the pixels that are counted in the denominator.

    Returns:
        Tensor: 0-d.
    """
    target = target_logits.detach().log_softmax(dim=1)
    divergence = F.kl_div(logits.log_softmax(dim=1), target, reduction='none', log_target=True)
    return _mean_over_valid(divergence.sum(dim=1), mask, valid)
