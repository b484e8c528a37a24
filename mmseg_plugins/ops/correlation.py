"""CorrMatch's correlation matching: the matrix, what it propagates, and its binary maps."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

CACHE = 8 * 2**20  # bytes of float maps that are worked on at once on a CPU


def correlation_matrix(row: Tensor, column: Tensor) -> Tensor:
    """Row-stochastic correlation between all positions of a feature map.

    ``A[i, j] = softmax_j(row_i . column_j / sqrt(C))``. The scale is the square root of the
    factors' channel count rounded to float32, whatever the working precision, as the reference
    computes it.

    Source: specification 1.3.

    Args:
        row (Tensor): Row factor, shape (N, C, h, w).
        column (Tensor): Column factor, shape (N, C, h, w).

    Returns:
        Tensor: Shape (N, h*w, h*w), each row sums to one.
    """
    scale = float(np.sqrt(np.float32(row.size(1))))
    return (row.flatten(2).transpose(1, 2) @ column.flatten(2) / scale).softmax(dim=-1)


def propagate_logits(logits: Tensor, matrix: Tensor) -> Tensor:
    """Propagate logits along the *rows* of the matrix: ``Z[c, j] = sum_i logits[c, i] A[i, j]``.

    The weights of one output position are a column of a row-stochastic matrix and do not sum to
    one; the published numbers come from this form.

    Args:
        logits (Tensor): Shape (N, C, h, w).
        matrix (Tensor): Shape (N, h*w, h*w).

    Returns:
        Tensor: Shape (N, C, h, w).
    """
    return (logits.flatten(2) @ matrix).view_as(logits)


def binary_maps(rows: Tensor, feature_size: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Turn rows of the correlation matrix into binary region maps at image size.

    Each row is resized bilinearly (``align_corners=True``) and is true where it lies above the
    middle between its own minimum and maximum; a constant row gives an empty map. The comparison
    needs no division and is equal to the divided form bit for bit (specification 9.4).

    Args:
        rows (Tensor): Shape (N, K, h*w).
        feature_size (tuple[int, int]): ``(h, w)``.
        size (tuple[int, int]): Image size ``(H, W)``.

    Returns:
        Tensor: Bool, shape (N, K, H, W).
    """
    maps = torch.empty(*rows.shape[:2], *size, dtype=torch.bool, device=rows.device)
    # At full size K float maps are large: a few at a time stay in a CPU's cache; on a GPU, where
    # every turn costs launches, those of an image.
    num = max(1, CACHE // (4 * size[0] * size[1])) if rows.is_cpu else max(1, rows.size(1))
    for image, out in zip(rows.unflatten(2, feature_size), maps, strict=True):
        for some, where in zip(image.split(num), out.split(num), strict=True):
            resized = F.interpolate(some[None], size, mode='bilinear', align_corners=True)[0]
            # on a CPU ten times as fast as aminmax, which PyTorch does not vectorise
            low = resized.flatten(1).amin(dim=1)[:, None, None]
            high = resized.flatten(1).amax(dim=1)[:, None, None]
            torch.gt(resized.sub_(low), 0.5 * (high - low), out=where)
    return maps
