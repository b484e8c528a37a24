"""CutMix and CutOut: boxes to masks, masks to mixtures."""

import numpy as np
import torch
from torch import Tensor


def box_mask(
    boxes: np.ndarray, size: tuple[int, int], device: torch.device | str = 'cpu'
) -> Tensor:
    """Draw boxes on a canvas of zeros.

    Args:
        boxes (np.ndarray): Integer (N, 4) rows ``(top, left, bottom, right)``, half open, or
            (N, K, 4) with several boxes an image. A box with ``bottom == top`` is empty.
        size (tuple[int, int]): Height and width of the canvas in pixels.
        device (torch.device | str): Where to draw; no wait for it. Defaults to ``'cpu'``.

    Returns:
        Tensor: Bool mask of shape (N, 1, H, W), True inside a box.
    """
    height, width = size
    boxes = torch.as_tensor(boxes).to(device, non_blocking=True)
    top, left, bottom, right = boxes.view(len(boxes), -1, 4, 1, 1).unbind(2)
    rows = torch.arange(height, device=device).view(1, 1, height, 1)
    columns = torch.arange(width, device=device).view(1, 1, 1, width)
    inside = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
    return inside.any(dim=1, keepdim=True)


def cutmix(base: Tensor, other: Tensor, mask: Tensor) -> Tensor:
    """Take ``other`` inside the box and ``base`` outside.

    Args:
        base (Tensor): Shape (N, C, H, W) or (N, H, W): image, logits, label, confidence or valid
            map.
        other (Tensor): The partner, of the same shape.
        mask (Tensor): Bool (N, 1, H, W), True inside the box.

    Returns:
        Tensor: The mixture, of the shape and type of ``base``.
    """
    if base.dim() == 3:
        mask = mask.squeeze(1)
    return torch.where(mask, other, base)


def cutout(base: Tensor, mask: Tensor) -> Tensor:
    """Keep ``base`` inside the box and blank it outside, as the reference's CutOut does.

    Args:
        base (Tensor): Shape (N, C, H, W) or (N, H, W): a normalised image, in which 0 is the mean
            colour, or a valid map.
        mask (Tensor): Bool (N, 1, H, W), True inside the box.

    Returns:
        Tensor: Of the shape and type of ``base``.
    """
    return cutmix(torch.zeros_like(base), base, mask)
