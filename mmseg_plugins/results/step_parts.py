"""What one training step made of its unlabelled images: the numbers behind its picture."""

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmseg.models.utils import resize
from torch import Tensor

from mmseg_plugins.ops.correlation import correlation_matrix
from mmseg_plugins.ops.propagation import propagate_regions
from mmseg_plugins.ops.pseudo_label import hard_label
from mmseg_plugins.results.range_picture import DEPTH, colour_channel
from mmseg_plugins.segmentors import CorrMatch, CutMix, SemiBaseSegmentor


@dataclass
class Propagation:
    """CorrMatch's region propagation of N images, and of each the region that does most.

    Args:
        label (Tensor): Labels after propagation, int64 (N, H, W).
        passed (Tensor): The filter after propagation, bool (N, H, W).
        points (list[tuple[float, float]]): The sampled position shown, ``(x, y)`` in pixels.
        correlation (Tensor): Its row of the correlation matrix at image size, (N, H, W).
        region (Tensor): Its binary map, bool (N, H, W).
        used (Tensor): The part of it that propagates: real and outside the box, bool (N, H, W).
    """

    label: Tensor
    passed: Tensor
    points: list[tuple[float, float]]
    correlation: Tensor
    region: Tensor
    used: Tensor


@dataclass
class StepParts:
    """The unlabelled images of one step and their target.

    Args:
        names (list[str]): File of each image, without folder and suffix.
        num_classes (int): Number of classes.
        network (str): Whose prediction the target is, ``'student'`` or ``'teacher'``.
        weak (Tensor): RGB images of the weak view, in [0, 1], (N, 3, H, W).
        partner (Tensor, optional): The images that the boxes are taken from.
        strong (Tensor): What the student trains on, after mixing.
        box (Tensor, optional): The boxes, bool (N, H, W).
        valid (Tensor): Real pixels of the mixture, bool (N, H, W).
        label (Tensor): Mixed pseudo labels, int64 (N, H, W).
        confidence (Tensor): Their confidence, (N, H, W).
        threshold (float, optional): The confidence asked for, after this step's update.
        confident (Tensor, optional): Pixels that reach it, bool (N, H, W).
        gate (float, optional): CutMix's averaged gate of the whole batch; None where pixels are
            gated one by one.
        propagation (Propagation, optional): Of CorrMatch.
    """

    names: list[str]
    num_classes: int
    network: str
    weak: Tensor
    partner: Tensor | None
    strong: Tensor
    box: Tensor | None
    valid: Tensor
    label: Tensor
    confidence: Tensor
    threshold: float | None = None
    confident: Tensor | None = None
    gate: float | None = None
    propagation: Propagation | None = None


@torch.no_grad()
def run_step(model: SemiBaseSegmentor, batch: dict, images: int) -> StepParts:
    """Run the parts of a training step that make the target, in the modes of training.

    Batch norm statistics and the threshold of ``model`` move as in training; do not save it.

    Args:
        model (SemiBaseSegmentor): The model.
        batch (dict): A batch of its training loader.
        images (int): How many unlabelled images are kept, from the first on; the batch is run
            whole.

    Returns:
        StepParts: On the CPU.
    """
    model.train()
    data = model.data_preprocessor(batch, training=True)
    inputs, samples = model.add_partner(data['inputs'], data['data_samples'])
    with watch_correlation(model) as watched:
        views = model.forward_views(inputs)
    image, target = model.mix(inputs, model.pseudo_label(views, samples))

    show = slice(images)
    if 'logits' in target:
        label, confidence = hard_label(target['logits'])
    else:
        label, confidence = target['label'], target['confidence']
    parts = StepParts(
        names=[name_of(sample) for sample in samples['unsup_weak'][show]],
        num_classes=model.student.out_channels,
        network='student' if model.teacher is None else 'teacher',
        weak=to_rgb(model, inputs['unsup_weak'][show]),
        partner=to_rgb(model, inputs['unsup_weak_mix'][show])
        if 'unsup_weak_mix' in inputs
        else None,
        strong=to_rgb(model, image[show]),
        box=target['box'][show, 0].cpu() if 'box' in target else None,
        valid=target['valid'][show].cpu() > 0,
        label=label[show].cpu(),
        confidence=confidence[show].cpu(),
    )
    if isinstance(model, CutMix):
        loss = model.consistency
        parts.threshold = loss.threshold
        confident = loss.read(target['logits'])[1]
        parts.confident = confident[show, 0].cpu() > 0
        if not loss.per_pixel:
            valid = target['valid'].unsqueeze(1).to(confidence.dtype)
            parts.gate = float(loss.gate(confident, valid))
    if isinstance(model, CorrMatch):
        if model.thresh_update:
            model.update_threshold(target['weak'], target['valid'])
        parts.threshold = float(model.threshold)
        parts.confident = (parts.confidence >= parts.threshold) & parts.valid
        parts.propagation = propagation_of(parts, views['maps'][show].cpu(), watched, len(image))
    return parts


def propagation_of(parts: StepParts, maps: Tensor, watched: dict, num: int) -> Propagation:
    """CorrMatch's propagation, and of each image the sampled region that alone changes most.

    Args:
        parts (StepParts): What is known so far.
        maps (Tensor): Binary maps of the images kept, bool (N, K, H, W).
        watched (dict): From :func:`watch_correlation`.
        num (int): Unlabelled images of the batch: the last ones of the joint pass.

    Returns:
        Propagation: On the CPU.
    """
    used = maps & ~parts.box.unsqueeze(1) & parts.valid.unsqueeze(1)

    def propagate(image: slice, regions: Tensor) -> tuple[Tensor, Tensor]:
        label, confident = parts.label[image], parts.confident[image]
        return propagate_regions(label, confident, regions, parts.threshold, parts.num_classes)

    def change(n: int, k: int) -> int:
        label, passed = propagate(slice(n, n + 1), used[n, k][None, None])
        return int(((label != parts.label[n]) | (passed != parts.confident[n])).sum())

    label, passed = propagate(slice(None), used)
    positions = sampled_positions(watched, maps.size(1))
    height, width = watched['row'].shape[2:]
    size = parts.label.shape[1:]
    scale = [
        (full - 1) / max(small - 1, 1) for full, small in zip(size, (height, width), strict=True)
    ]
    points, correlation, chosen = [], [], []
    for n in range(len(maps)):
        k = max(range(maps.size(1)), key=lambda k: change(n, k))
        row, column = (watched[name][-num:][[n]].float() for name in ('row', 'column'))
        weights = correlation_matrix(row, column)[:, [positions[k]]].unflatten(2, (height, width))
        y, x = divmod(positions[k], width)
        points.append((x * scale[1], y * scale[0]))
        correlation.append(resize(weights, size, mode='bilinear', align_corners=True)[0, 0].cpu())
        chosen.append(k)
    region, spread = (x[range(len(maps)), chosen] for x in (maps, used))
    return Propagation(label, passed, points, torch.stack(correlation), region, spread)


@contextmanager
def watch_correlation(model: SemiBaseSegmentor):
    """Keep what a correlation head computes inside, while the context lasts.

    Yields:
        dict: ``row`` and ``column`` factors (N, C, h, w) of the last pass and ``generator``, the
        state of the CPU generator when the head samples its positions; empty without such a head.
    """
    watched, head = {}, getattr(model, 'correlation', None)

    def keep(module, args, output) -> None:
        name = 'row' if module is head.row else 'column'
        watched.update({name: output, 'generator': torch.get_rng_state()})

    layers = [] if head is None else [head.row, head.column]
    handles = [layer.register_forward_hook(keep) for layer in layers]
    try:
        yield watched
    finally:
        for handle in handles:
            handle.remove()


def sampled_positions(watched: dict, num_maps: int) -> list[int]:
    """The positions that the head drew after its factors, drawn once more."""
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(watched['generator'])
        return torch.randint(watched['row'][0, 0].numel() - 1, (num_maps,)).tolist()


def to_rgb(model: SemiBaseSegmentor, image: Tensor) -> Tensor:
    """Undo the normalisation; of a range image the depth in colours.

    Args:
        model (SemiBaseSegmentor): Owner of the data preprocessor.
        image (Tensor): Network input, (N, 3, H, W), or range images (N, 6, H, W).

    Returns:
        Tensor: RGB in [0, 1] on the CPU.
    """
    if image.size(1) == 6:
        depth = [colour_channel(scan.cpu().numpy(), DEPTH) for scan in image]
        return torch.from_numpy(np.stack(depth)).movedim(-1, 1) / 255
    preprocessor = getattr(model.data_preprocessor, 'data_preprocessor', model.data_preprocessor)
    if preprocessor._enable_normalize:
        image = image * preprocessor.std + preprocessor.mean
    if not preprocessor._channel_conversion:  # loaded as BGR and left so
        image = image.flip(1)
    return (image / 255).clamp(0, 1).cpu()


def name_of(sample) -> str:
    """The file of a data sample, without folder and suffix; '' where it is not known."""
    return Path(sample.metainfo.get('img_path', '')).stem
