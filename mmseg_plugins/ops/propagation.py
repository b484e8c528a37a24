"""CorrMatch's region propagation, exact, on bit boards."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .bits import pack, pack_on_device, popcount, unpack
from .class_boards import ClassBoards
from .class_planes import ClassPlanes


def propagate_regions(
    labels: Tensor,
    confident: Tensor,
    regions: Tensor,
    threshold: Tensor | float,
    num_classes: int | None = None,
    allowed: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Spread the majority class of a region's confident pixels over the whole region.

    Regions are visited in order, per image. A region is skipped unless it has confident pixels and
    their share of the region is at least ``threshold``. If the largest class among the *current*
    labels of its confident pixels has a share above ``threshold`` (ties: smallest class), every
    pixel of the region takes that class and passes the filter. Later regions see the labels that
    earlier ones wrote.

    The order matters, so the walk is sequential; regions, filter and classes are packed into 64-bit
    words (:class:`ClassPlanes`), which makes each visit a handful of popcounts. Shares are float32
    quotients of exact counts. Tensors of another device are packed there and come in a single copy,
    whatever the number of regions; :func:`send_regions` and :func:`receive_regions` let it run
    beside other work.

    Source: CorrMatch (CVPR 2024), specification 2.5, 9.2 D and 9.3.

    Args:
        labels (Tensor): Hard labels from 0 to ``num_classes - 1``, int64 (N, H, W).
        confident (Tensor): Pixels above the threshold, bool (N, H, W).
        regions (Tensor): Bool (N, K, H, W), without ignored pixels and without the CutMix box
            unless ``allowed`` takes these out.
        threshold (Tensor | float): Scalar; it is rounded to float32.
        num_classes (int, optional): Number of classes. None reads it from the labels, which on
            another device waits for them once more. Defaults to None.
        allowed (Tensor, optional): Bool (N, H, W); regions end where it is False. Cutting the
            packed regions costs an eighth of a byte per pixel, cutting the bools a byte. Defaults
            to None.

    Returns:
        tuple[Tensor, Tensor]: Propagated labels (int64) and the extended filter (bool), (N, H, W).
        Both are new; the arguments stay as they are.
    """
    return receive_regions(
        send_regions(labels, confident, regions, threshold, num_classes, allowed)
    )


@dataclass
class SentRegions:
    """What a propagation needs, packed and on its way to the host.

    Attributes:
        confident (Tensor): Bool (N, H, W), where it was.
        received (Tensor): uint8; from another device the words of each image's filter and regions,
            the threshold and the labels; on the host the labels alone.
        dtype (torch.dtype): Of the labels in ``received``.
        arrived (torch.cuda.Event | None): That the copy is complete.
        words (list | None): On the host: (filter, regions) of each image in words.
        tau (np.float32 | None): On the host: the threshold.
    """

    confident: Tensor
    received: Tensor
    dtype: torch.dtype
    arrived: torch.cuda.Event | None = None
    words: list[tuple[np.ndarray, np.ndarray]] | None = None
    tau: np.float32 | None = None


def send_regions(
    labels: Tensor,
    confident: Tensor,
    regions: Tensor,
    threshold: Tensor | float,
    num_classes: int | None = None,
    allowed: Tensor | None = None,
) -> SentRegions:
    """Pack everything and start its copy to the host; nothing waits.

    Args:
        labels (Tensor): See :func:`propagate_regions`, as the others.
        confident (Tensor): Likewise.
        regions (Tensor): Likewise; free for other use afterwards.
        threshold (Tensor | float): Likewise.
        num_classes (int, optional): Likewise. Defaults to None.
        allowed (Tensor, optional): Likewise. Defaults to None.

    Returns:
        SentRegions: For :func:`receive_regions`.
    """
    if num_classes is None:
        num_classes = int(labels.max()) + 1 if labels.numel() else 1
    dtype = torch.uint8 if num_classes <= 256 else torch.int32
    if allowed is None:
        allowed = torch.ones_like(confident)
    send = _pack_here if labels.is_cpu else _pack_there
    # one image at a time, because packing takes a few bytes per bit for a moment
    images = zip(
        confident[:, None].flatten(2), regions.flatten(2), allowed[:, None].flatten(2), strict=True
    )
    sent = SentRegions(confident, labels.to(dtype, copy=True), dtype)
    return send(sent, images, torch.as_tensor(threshold, dtype=torch.float32).detach())


def receive_regions(sent: SentRegions) -> tuple[Tensor, Tensor]:
    """Wait for the copy, walk over the regions, and send the result back.

    Args:
        sent (SentRegions): From :func:`send_regions`; it is used up.

    Returns:
        tuple[Tensor, Tensor]: See :func:`propagate_regions`.
    """
    confident, (labels, words, tau) = sent.confident, _unpack(sent)
    reached = torch.zeros(labels.shape, dtype=torch.bool, pin_memory=confident.is_cuda)
    images = zip(labels.numpy(), reached.numpy(), words, strict=True)
    for label, touched, (passed, maps) in images:
        _propagate_image(label, touched, passed, maps, tau)
    # out of pinned memory, so the host goes on at once
    labels, reached = (x.to(confident.device, non_blocking=True) for x in (labels, reached))
    return labels.to(torch.int64).view_as(confident), reached.view_as(confident) | confident


def _propagate_image(
    label: np.ndarray, reached: np.ndarray, passed: np.ndarray, maps: np.ndarray, tau: np.float32
) -> None:
    """One image in place: ``label``, ``reached`` (P,); words ``passed`` (1, W), ``maps`` (K, W)."""
    segments = maps & passed
    total, count = popcount(maps), popcount(segments)
    share = count.astype(np.float32) / np.maximum(total, 1).astype(np.float32)
    visits = np.flatnonzero((count > 0) & ~(share < tau))
    if not len(visits):
        return

    classes = (ClassPlanes if tau >= 0.5 else ClassBoards)(label, passed)
    accepted = []
    for k in visits:
        winner = classes.take(segments[k], int(count[k]), tau)
        if winner is not None:
            accepted.append((k, winner))

    # of the accepted regions that cover a pixel the last one counts
    rest = ~np.zeros_like(maps[0])
    won = {winner: np.zeros_like(rest) for _, winner in accepted}
    for k, winner in reversed(accepted):
        won[winner] |= maps[k] & rest
        rest &= ~maps[k]
    for value, board in won.items():
        pixels = unpack(board, label.size)
        label[pixels] = value
        reached |= pixels


def _pack_here(sent: SentRegions, images, threshold: Tensor) -> SentRegions:
    """On the host: words of each image."""
    sent.received = sent.received.flatten(1)
    sent.words = [(pack(passed), pack(maps) & pack(allowed)) for passed, maps, allowed in images]
    sent.tau = threshold.numpy()[()]
    return sent


def _pack_there(sent: SentRegions, images, threshold: Tensor) -> SentRegions:
    """On the device; one copy brings everything."""
    narrow = sent.received
    packed = []
    for passed, maps, allowed in images:
        packed += [pack_on_device(passed), pack_on_device(maps) & pack_on_device(allowed)]
    threshold = threshold.to(narrow.device, non_blocking=True).reshape(1)
    parts = [*packed, threshold.view(torch.uint8), narrow.reshape(-1).view(torch.uint8)]
    block = torch.cat([part.flatten() for part in parts])
    if block.is_cuda:
        sent.received = torch.empty(block.shape, dtype=block.dtype, pin_memory=True)
        sent.received.copy_(block, non_blocking=True)
        # of the stream that copies, which need not be the current device's
        sent.arrived = torch.cuda.current_stream(block.device).record_event()
    else:
        sent.received = block.cpu()
    return sent


def _unpack(sent: SentRegions) -> tuple[Tensor, list, np.float32]:
    """Labels (N, P) on the host, words of each image, and the threshold."""
    if sent.words is not None:
        return sent.received, sent.words, sent.tau
    if sent.arrived is not None:
        sent.arrived.synchronize()
    num, pixels = len(sent.confident), sent.confident[0].numel()
    size = num * pixels * sent.dtype.itemsize
    words, tau, labels = sent.received.tensor_split([-size - 4, -size])
    words = words.numpy().view(np.uint64).reshape(num, -1, -(-pixels // 64))
    images = [(image[:1], image[1:]) for image in words]
    return labels.view(sent.dtype).view(num, pixels), images, tau.numpy().view(np.float32)[0]
