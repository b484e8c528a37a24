"""Losses that are no sum over pixels, of the pixels of all ranks.

For these no denominator gives the number of the whole batch; what the loss is made of has to be
known of all ranks. Data-parallel training averages the gradients of its ranks, so each rank's own
part has the number of ranks as the factor of its gradient; its value stays.
"""

import mmengine.dist as dist
import torch
from torch import Tensor


def sum_of(sums: Tensor, denominators: str) -> Tensor:
    """Sums over the pixels of this rank or of all.

    Args:
        sums (Tensor): This rank's, of any shape.
        denominators (str): ``'rank'`` or ``'global'``.

    Returns:
        Tensor: Of the same shape.
    """
    if denominators == 'rank' or dist.get_world_size() == 1:
        return sums
    total = sums.detach().clone()  # reduced in place
    dist.all_reduce(total)
    return _own(sums, total)


def pixels_of(values: Tensor, denominators: str) -> Tensor:
    """The pixels of this rank or of all, which must have as many.

    Args:
        values (Tensor): This rank's, pixels in the last dimension.
        denominators (str): ``'rank'`` or ``'global'``.

    Returns:
        Tensor: With more pixels, those of rank 0 first.
    """
    if denominators == 'rank' or dist.get_world_size() == 1:
        return values
    parts = dist.all_gather(values.detach().contiguous())
    if values.requires_grad:
        parts[dist.get_rank()] = _own(values, values.detach())
    return torch.cat(parts, dim=-1)


def _own(values: Tensor, shown: Tensor) -> Tensor:
    """The value ``shown``, with the gradient of ``values`` times the number of ranks."""
    values = values * dist.get_world_size()
    return values + (shown - values.detach())
