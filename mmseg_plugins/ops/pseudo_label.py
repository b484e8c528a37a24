"""Hard pseudo labels and their confidence."""

from torch import Tensor


def hard_label(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The most probable class of each pixel and its probability.

    Args:
        logits (Tensor): Shape (N, C, H, W).

    Returns:
        tuple[Tensor, Tensor]: ``label`` (int64) and ``confidence`` in [0, 1], both (N, H, W).
    """
    confidence, label = logits.softmax(dim=1).max(dim=1)
    return label, confidence
