"""Halving of Cityscapes images and labels, as the protocol of French et al. has it.

Source: specification 2.4.
"""

import numpy as np


def halve_image(image: np.ndarray) -> np.ndarray:
    """Mean of each 2 x 2 block, truncated to an integer.

    Args:
        image (np.ndarray): uint8 of shape (H, W, 3), both sides even.

    Returns:
        np.ndarray: uint8 of shape (H / 2, W / 2, 3).
    """
    a, b, c, d = (block.astype(np.uint16) for block in _blocks(image))
    return ((a + b + c + d) // 4).astype(np.uint8)


def halve_labels(labels: np.ndarray) -> np.ndarray:
    """Most frequent id of each 2 x 2 block, the smallest of those that tie.

    Args:
        labels (np.ndarray): Raw ids, uint8 of shape (H, W), both sides even.

    Returns:
        np.ndarray: uint8 of shape (H / 2, W / 2).
    """
    a, b, c, d = np.sort(np.stack(_blocks(labels)), axis=0)
    # In sorted order equal ids are neighbours; the first pair is the majority or the smaller tie.
    return np.where(a == b, a, np.where(b == c, b, np.where(c == d, c, a)))


def _blocks(array: np.ndarray) -> list:
    """The four pixels of each 2 x 2 block."""
    return [array[y::2, x::2] for y in (0, 1) for x in (0, 1)]
