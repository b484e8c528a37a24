"""Hard pseudo labels and their confidence."""

from torch import Tensor


def hard_label(logits: Tensor, probability: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The most probable class of each pixel and its probability.

    Args:
        logits (Tensor): Shape (N, C, H, W).
        probability (Tensor, optional): Their softmax, where the caller has it. Defaults to None.

    Returns:
        tuple[Tensor, Tensor]: ``label`` (int64) and ``confidence`` in [0, 1], both (N, H, W).
    """
    if probability is None:
        probability = logits.softmax(dim=1)
    confidence, label = probability.max(dim=1)
    return label, confidence
