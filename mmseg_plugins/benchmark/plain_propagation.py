"""CorrMatch's region propagation word by word: the baseline that the fast one is held to."""

import torch
from torch import Tensor


def propagate_plainly(
    labels: Tensor, confident: Tensor, regions: Tensor, threshold: Tensor | float
) -> tuple[Tensor, Tensor]:
    """The sequential definition, specification 2.5: one region after the other, no shortcut.

    Args:
        labels (Tensor): int64 (N, H, W).
        confident (Tensor): Bool (N, H, W).
        regions (Tensor): Bool (N, K, H, W).
        threshold (Tensor | float): Scalar.

    Returns:
        tuple[Tensor, Tensor]: Labels and filter, as
        :func:`~mmseg_plugins.ops.propagation.propagate_regions` gives them.
    """
    labels, passed = labels.clone(), confident.clone()
    threshold = torch.as_tensor(threshold, dtype=torch.float32, device=labels.device)
    segments = regions & confident[:, None]
    for label, filtered, maps, parts in zip(labels, passed, regions, segments, strict=True):
        for region, segment in zip(maps, parts, strict=True):
            count = segment.sum()
            if count == 0 or count / region.sum() < threshold:
                continue
            histogram = label[segment].bincount()
            winner = histogram.argmax()  # the first of several largest
            if histogram[winner] / count > threshold:
                label[region] = winner
                filtered |= region
    return labels, passed
