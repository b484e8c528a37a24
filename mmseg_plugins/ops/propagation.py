"""CorrMatch's region propagation, exact, on bit boards."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def propagate_regions(
    labels: Tensor,
    confident: Tensor,
    regions: Tensor,
    threshold: Tensor | float,
    num_classes: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Spread the majority class of a region's confident pixels over the whole region.

    Regions are visited in order, per image. A region is skipped unless it has confident pixels and
    their share of the region is at least ``threshold``. If the largest class among the *current*
    labels of its confident pixels has a share above ``threshold`` (ties: smallest class), every
    pixel of the region takes that class and passes the filter. Later regions see the labels that
    earlier ones wrote.

    The order matters, so the walk is sequential; regions, filter and one board per class are packed
    into 64-bit words, which makes each visit a handful of popcounts. Shares are float32 quotients
    of exact counts. Tensors of another device are packed there and come in a single copy, whatever
    the number of regions.

    Source: CorrMatch (CVPR 2024), specification 2.5, 9.2 D and 9.3.

    Args:
        labels (Tensor): Hard labels from 0 to ``num_classes - 1``, int64 (N, H, W).
        confident (Tensor): Pixels above the threshold, bool (N, H, W).
        regions (Tensor): Bool (N, K, H, W), without ignored pixels and without the CutMix box.
        threshold (Tensor | float): Scalar; it is rounded to float32.
        num_classes (int, optional): Number of classes. None reads it from the labels, which on
            another device waits for them once more. Defaults to None.

    Returns:
        tuple[Tensor, Tensor]: Propagated labels (int64) and the extended filter (bool), (N, H, W).
        Both are new; the arguments stay as they are.
    """
    if not regions.numel():
        return labels.clone(), confident.clone()
    if num_classes is None:
        num_classes = int(labels.max()) + 1
    narrow = labels.to(torch.uint8 if num_classes <= 256 else torch.int32).flatten(1)
    if labels.is_cpu:
        written, tau = narrow.numpy(), np.float32(float(threshold))
        pairs = zip(confident[:, None].flatten(2), regions.flatten(2), strict=True)
        bits = (map(_pack, pair) for pair in pairs)  # one image at a time
    else:
        written, bits, tau = _fetch(narrow, confident, regions, threshold)

    touched = np.zeros(written.shape, dtype=bool)
    for label, reached, (passed, maps) in zip(written, touched, bits, strict=True):
        _propagate_image(label, reached, passed, maps, tau, num_classes)

    new = torch.from_numpy(written).to(labels.device, torch.int64).view_as(labels)
    return new, torch.from_numpy(touched).to(labels.device).view_as(confident) | confident


def _propagate_image(
    label: np.ndarray,
    reached: np.ndarray,
    passed: np.ndarray,
    maps: np.ndarray,
    tau: np.float32,
    num_classes: int,
) -> None:
    """One image in place: ``label``, ``reached`` (P,); words ``passed`` (1, W), ``maps`` (K, W)."""
    segments = maps & passed
    total, count = _popcount(maps), _popcount(segments)
    share = count.astype(np.float32) / np.maximum(total, 1).astype(np.float32)
    visits = np.flatnonzero((count > 0) & ~(share < tau))
    if not len(visits):
        return

    # only a class that a confident pixel has can win; ascending, so a tie goes to the smallest
    confident = np.unpackbits(passed[0].view(np.uint8), count=label.size).view(bool)
    classes = np.flatnonzero(np.bincount(label[confident], minlength=num_classes))
    boards = _pack(label == classes.astype(label.dtype)[:, None]) & passed
    accepted = []
    for k in visits:
        histogram = _popcount(boards & segments[k])
        winner = histogram.argmax()
        if np.float32(histogram[winner]) / np.float32(count[k]) > tau:
            boards &= ~segments[k]
            boards[winner] |= segments[k]
            accepted.append((k, winner))

    # of the accepted regions that cover a pixel the last one counts
    rest, won = ~np.zeros_like(maps[0]), np.zeros_like(boards)
    for k, winner in reversed(accepted):
        won[winner] |= maps[k] & rest
        rest &= ~maps[k]
    for value, board in zip(classes, won, strict=True):
        pixels = np.unpackbits(board.view(np.uint8), count=label.size).view(bool)
        label[pixels] = value
        reached |= pixels


def _popcount(words: np.ndarray) -> np.ndarray:
    """Set bits of each row."""
    return np.bitwise_count(words).sum(axis=-1, dtype=np.int64)


def _pack(bits: np.ndarray | Tensor) -> np.ndarray:
    """(R, P) bool to (R, ceil(P / 64)) uint64; the padding bits are zero."""
    packed = np.packbits(np.asarray(bits), axis=1)
    words = np.zeros((len(packed), -(-packed.shape[1] // 8)), dtype=np.uint64)
    words.view(np.uint8)[:, : packed.shape[1]] = packed
    return words


def _fetch(labels: Tensor, confident: Tensor, regions: Tensor, threshold: Tensor | float):
    """Pack on the device and bring everything to the host in one copy.

    Args:
        labels (Tensor): uint8 or int32 (N, P).
        confident (Tensor): Bool (N, H, W).
        regions (Tensor): Bool (N, K, H, W).
        threshold (Tensor | float): Scalar.

    Returns:
        tuple: Labels, (N, P); pairs of the filter (1, W) and the regions (K, W) in words, one per
        image; the threshold.
    """
    device, num = labels.device, len(labels)
    if isinstance(threshold, Tensor):
        threshold = threshold.detach().to(device, torch.float32).reshape(1)
    else:
        threshold = torch.full((1,), threshold, dtype=torch.float32, device=device)
    # one image at a time, because packing takes a few bytes per bit for a moment
    both = zip(confident[:, None].flatten(2), regions.flatten(2), strict=True)
    packed = [_pack_on_device(bits) for pair in both for bits in pair]
    parts = [*packed, threshold.view(torch.uint8), labels.reshape(-1).view(torch.uint8)]
    received = torch.cat([part.flatten() for part in parts]).cpu().numpy()

    words, tail = np.split(received, [-labels.numel() * labels.element_size() - 4])
    words = words.view(np.uint64).reshape(num, -1, packed[0].size(1) // 8)
    tau, narrow = tail[:4].view(np.float32)[0], tail[4:].view(str(labels.dtype).split('.')[1])
    return narrow.reshape(num, -1), [(image[:1], image[1:]) for image in words], tau


def _pack_on_device(bits: Tensor) -> Tensor:
    """(R, P) bool to (R, 8 * ceil(P / 64)) bytes, in the order of ``numpy.packbits``."""
    padded = F.pad(bits.view(torch.uint8), (0, -bits.size(1) % 64)).unflatten(1, (-1, 8))
    place = torch.arange(7, -1, -1, dtype=torch.uint8, device=bits.device)
    return (padded << place).sum(dim=-1, dtype=torch.uint8)
