"""Which numbers stay in full precision where networks run in half."""

import torch
from torch import Tensor


def full_precision(logits: Tensor) -> Tensor:
    """What a network under autocast returns, in at least float32.

    Everything that is computed from logits (resizing, softmax, confidence, threshold, losses) is
    then in float32 too. bfloat16 has 8 bits: no confidence between 0.996 and 1.

    Args:
        logits (Tensor): Of any shape.

    Returns:
        Tensor: The same one where it has that precision already.
    """
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
