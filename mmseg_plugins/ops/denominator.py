"""What a sum over pixels is divided by: by what this rank counts, or by what all ranks count."""

import mmengine.dist as dist
import torch
from torch import Tensor

from mmseg_plugins.errors import UserError

DENOMINATORS = ('rank', 'global')


def check_denominators(denominators: str, owner: str) -> None:
    """Refuse an unknown choice.

    Args:
        denominators (str): What was configured.
        owner (str): Name of the class that has the option, for the message.

    Raises:
        UserError: If it is neither ``'rank'`` nor ``'global'``.
    """
    if denominators not in DENOMINATORS:
        raise UserError(f"{owner}: unknown denominators={denominators!r}; use 'rank' or 'global'")


def denominator(count: Tensor, denominators: str = 'rank') -> Tensor:
    """The number of pixels that a rank's sum is divided by; at least one pixel.

    Data-parallel training averages the gradients of its ranks. With ``'rank'`` that is a mean of
    means, which gives pixels of a rank with few of them more weight: so the references have it.
    With ``'global'`` every rank divides by the *mean* count of all ranks, so that the average is
    the sum over all pixels by the count of all: the same number on any number of ranks.

    Args:
        count (Tensor): 0-d, this rank's.
        denominators (str): ``'rank'`` or ``'global'``. Defaults to ``'rank'``.

    Returns:
        Tensor: 0-d, of the count's type or float64.
    """
    if denominators == 'rank':
        return count.clamp(min=1)
    # exact also where a batch has more pixels than float32 can count; a copy, as it is reduced in
    # place
    total = count.detach().to(torch.float64, copy=True)
    dist.all_reduce(total)
    return total.clamp(min=1) / dist.get_world_size()
