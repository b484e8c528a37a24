"""The statistic that drives CorrMatch's dynamic threshold."""

import mmengine.dist as dist
import torch
from torch import Tensor


def class_maxima(label: Tensor, confidence: Tensor, valid: Tensor, num_classes: int) -> Tensor:
    """The highest confidence of each predicted class, over all ranks.

    Ranks exchange one maximum per class instead of their logits, which gives the same number as
    gathering them. No host synchronisation.

    Args:
        label (Tensor): Predicted classes, int64 (N, H, W).
        confidence (Tensor): Their probabilities, (N, H, W).
        valid (Tensor): Bool (N, H, W), True on pixels that count.
        num_classes (int): Number of classes C.

    Returns:
        Tensor: float32 (C,); -1 for a class that is predicted on no valid pixel.
    """
    confidence = confidence.float().masked_fill(~valid, -1)
    maxima = torch.full((num_classes,), -1.0, device=label.device)
    maxima.scatter_reduce_(0, label.flatten(), confidence.flatten(), reduce='amax')
    dist.all_reduce(maxima, op='max')
    return maxima


def mean_of_maxima(maxima: Tensor) -> Tensor:
    """Mean over the predicted classes of the class's highest confidence.

    Source: CorrMatch, dynamic threshold (specification 2.3).

    Args:
        maxima (Tensor): What :func:`class_maxima` returned, or the greater of several of them.

    Returns:
        Tensor: 0-d float32; NaN if no class was predicted.
    """
    return maxima.masked_fill(maxima < 0, torch.nan).nanmean()
