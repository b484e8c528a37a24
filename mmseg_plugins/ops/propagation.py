"""CorrMatch's region propagation, exact, on bit boards."""

import numpy as np
import torch
from torch import Tensor


def propagate_regions(
    label: Tensor, maps: Tensor, confident: Tensor, threshold: Tensor
) -> tuple[Tensor, Tensor]:
    """Spread the majority class of a region's confident pixels over the whole region.

    Maps are visited in order, per image. A map is skipped unless it has confident pixels and their
    share of the map is at least ``threshold``. If the largest class among the *current* labels of
    its confident pixels has a share above ``threshold`` (ties: smallest class), every pixel of the
    map takes that class and passes the filter. Later maps see the labels that earlier ones wrote.

    The order matters, so the walk is sequential; maps, filter and one board per present class are
    packed into 64-bit words, which makes each visit a handful of popcounts (specification 2.5 and
    9.2 D). Shares are float32 quotients of exact counts.

    Args:
        label (Tensor): int64 (N, H, W), hard labels.
        maps (Tensor): Bool (N, K, H, W), without ignored pixels and without the CutMix box.
        confident (Tensor): Bool (N, H, W), pixels above the threshold.
        threshold (Tensor): 0-d float32.

    Returns:
        tuple[Tensor, Tensor]: Propagated labels (int64) and the extended filter (bool), (N, H, W).
    """
    device = label.device
    tau = np.float32(threshold.item())
    labels, filters = label.cpu().numpy().copy(), confident.cpu().numpy().copy()
    for image, (board, passed) in enumerate(zip(labels, filters, strict=True)):
        _propagate_image(board, maps[image].cpu().numpy(), passed, tau)
    return torch.from_numpy(labels).to(device), torch.from_numpy(filters).to(device)


def _propagate_image(label, maps, passed, tau) -> None:
    """One image, in place: ``label`` int64 and ``passed`` bool (H, W), ``maps`` bool (K, H, W)."""
    regions = _pack(maps.reshape(len(maps), -1))
    confident = regions & _pack(passed.reshape(1, -1))
    region_count = np.bitwise_count(regions).sum(axis=1, dtype=np.int64)
    count = np.bitwise_count(confident).sum(axis=1, dtype=np.int64)
    share = count.astype(np.float32) / np.maximum(region_count, 1).astype(np.float32)
    visits = np.flatnonzero((count > 0) & ~(share < tau))
    if not len(visits):
        return

    classes = np.unique(label)
    boards = _pack(label.reshape(1, -1) == classes[:, None])
    touched = np.zeros_like(boards[0])
    for k in visits:
        histogram = np.bitwise_count(boards & confident[k]).sum(axis=1, dtype=np.int64)
        winner = histogram.argmax()  # classes ascend, so a tie goes to the smallest
        if np.float32(histogram[winner]) / np.float32(count[k]) > tau:
            boards &= ~regions[k]
            boards[winner] |= regions[k]
            touched |= regions[k]

    touched = _unpack(touched, label.size).reshape(label.shape)
    for value, board in zip(classes, boards, strict=True):
        label[_unpack(board, label.size).reshape(label.shape) & touched] = value
    passed |= touched


def _pack(bits: np.ndarray) -> np.ndarray:
    """(R, P) bool to (R, ceil(P / 64)) uint64; the padding bits are zero."""
    packed = np.packbits(bits, axis=1)
    padding = -packed.shape[1] % 8
    return np.pad(packed, ((0, 0), (0, padding))).view(np.uint64)


def _unpack(words: np.ndarray, size: int) -> np.ndarray:
    """The inverse of :func:`_pack` for one row."""
    return np.unpackbits(words.view(np.uint8), count=size).astype(bool)
