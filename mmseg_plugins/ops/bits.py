"""Bool maps as bits: eight pixels a byte, 64 a word."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def popcount(words: np.ndarray) -> np.ndarray:
    """Set bits of each row: integer, the last axis summed."""
    return np.bitwise_count(words).sum(axis=-1, dtype=np.int32)


def pack(bits: np.ndarray | Tensor) -> np.ndarray:
    """Pack rows on the host; the padding bits are zero.

    Args:
        bits (np.ndarray | Tensor): Bool (R, P).

    Returns:
        np.ndarray: uint64 (R, ceil(P / 64)).
    """
    packed = np.packbits(np.asarray(bits), axis=1)
    words = np.zeros((len(packed), -(-packed.shape[1] // 8)), dtype=np.uint64)
    words.view(np.uint8)[:, : packed.shape[1]] = packed
    return words


def unpack(words: np.ndarray, pixels: int) -> np.ndarray:
    """The bools of one packed row: (W,) words to (P,)."""
    return np.unpackbits(words.view(np.uint8), count=pixels).view(bool)


def pack_on_device(bits: Tensor) -> Tensor:
    """Pack rows where they are, in the order of :func:`pack`.

    Args:
        bits (Tensor): Bool (R, P).

    Returns:
        Tensor: uint8 (R, 8 * ceil(P / 64)).
    """
    padded = F.pad(bits.view(torch.uint8), (0, -bits.size(1) % 64)).unflatten(1, (-1, 8))
    place = torch.arange(7, -1, -1, dtype=torch.uint8, device=bits.device)
    return (padded << place).sum(dim=-1, dtype=torch.uint8)
