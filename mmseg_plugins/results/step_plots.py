"""The picture of one training step: one row per unlabelled image, one column per quantity."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.artist import Artist
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke
from torch import Tensor

from mmseg_plugins.results.picture_keys import GAP, LINE, WIDTH, draw_keys, entries_per_line, patch
from mmseg_plugins.results.step_parts import StepParts
from mmseg_plugins.results.style import COLOURS, drawing

SHORTEST = 0.5  # row of pictures: range images, 32 times as wide as tall, are stretched
PASSES, FAILS, IGNORED = '#e8e8e8', '#2b2b2b', '#9db4c0'
BOX, ADDED, POINT = COLOURS[1], COLOURS[4], COLOURS[5]
# Lines have an edge, to be seen on any picture.
FRAME = dict(
    fill=False, ec=BOX, lw=1.2, path_effects=[withStroke(linewidth=2.2, foreground='white')]
)
CROSS = dict(
    marker='+',
    clip_on=False,
    color=POINT,
    ls='none',
    markersize=8,
    markeredgewidth=1.5,
    path_effects=[withStroke(linewidth=3, foreground='white')],
)
REGION = dict(color='white', lw=0.8, path_effects=[withStroke(linewidth=1.8, foreground='black')])


@dataclass
class Column:
    """One quantity of all images.

    Args:
        title (str): At most two lines.
        pictures (np.ndarray): RGB in [0, 1], (N, H, W, 3).
        captions (Sequence[str]): Below each picture. Defaults to none.
        marks (Sequence[str]): What is drawn on top: ``'box'``, ``'point'``, ``'region'``. Defaults
            to none.
        scale (tuple, optional): Colour map, its range, and ticks (value to text). Defaults to None.
    """

    title: str
    pictures: np.ndarray
    captions: Sequence[str] = ()
    marks: Sequence[str] = ()
    scale: tuple[str, float, float, dict[float, str]] | None = None


def draw_step(
    parts: StepParts, title: str, classes: Sequence[str], palette: Sequence[Sequence[int]]
) -> plt.Figure:
    """Draw the step.

    Args:
        parts (StepParts): From :func:`run_step`.
        title (str): Of the whole figure.
        classes (Sequence[str]): Class names.
        palette (Sequence[Sequence[int]]): RGB of each class in 0..255.

    Returns:
        plt.Figure: The pictures' axes row by row, then one for each colour bar.
    """
    colours = np.array(palette) / 255
    labels = [parts.label, *([parts.propagation.label] if parts.propagation else [])]
    present = sorted({int(c) for label in labels for c in label[parts.valid].unique()})
    legends = [[patch(classes[c], colours[c]) for c in present], marks_of(parts)]
    make = propagation_columns if parts.propagation else target_columns
    with drawing(axes_grid=False, font_size=8):
        return lay_out(make(parts, colours), parts, title, [keys for keys in legends if keys])


def marks_of(parts: StepParts) -> list[Artist]:
    """Legend entries of the colours and lines that are no class."""
    keys = []
    if parts.confident is not None:
        keys += [patch('passes', PASSES), patch('fails', FAILS)]
    if parts.propagation:
        keys += [patch('added by propagation', ADDED)]
        keys += [Line2D([], [], label='sampled position', **CROSS)]
        keys += [Line2D([], [], label='outline of its region', **REGION)]
    if parts.box is not None and parts.box.any():
        keys += [Patch(label='box', **FRAME)]
    if not parts.valid.all() or parts.propagation:
        keys += [patch('left out', IGNORED)]
    return keys


def target_columns(parts: StepParts, colours: np.ndarray) -> list[Column]:
    """Images, box, mixture, and the mixed target with its confidence."""
    box = ('box',)
    columns = [
        Column('image A' if parts.partner is not None else 'image', rgb(parts.weak), (), box)
    ]
    if parts.partner is not None:
        columns.append(Column('image B', rgb(parts.partner), (), box))
    if parts.box is not None:
        columns.append(
            Column('box', paint(parts.box, BOX, PASSES), percent(parts.box, 'of the image'))
        )
    low = 1 / parts.num_classes
    scale = 'viridis', low, 1.0, {low: f'{low:.2f}', 1.0: '1'}
    heat = matplotlib.colormaps['viridis']((parts.confidence.numpy() - low) / (1 - low))[..., :3]
    mixed = 'mixed ' if parts.partner is not None else ''
    cut = 'cut ' if parts.box is not None else ''
    columns += [
        Column(f'{mixed or cut}image,\nfor the student', rgb(parts.strong), (), box),
        Column(
            f'{mixed}{parts.network}\nprediction', classes_of(parts.label, parts, colours), (), box
        ),
        Column('its confidence', heat, (), box, scale),
    ]
    if parts.confident is not None:
        columns.append(
            Column(
                f'confident\n(≥ {parts.threshold:g})',
                paint(parts.confident, PASSES, FAILS),  # the gate counts padding too
                percent(parts.confident),
                box,
            )
        )
    return columns


def propagation_columns(parts: StepParts, colours: np.ndarray) -> list[Column]:
    """CorrMatch: a region from the correlation map, labels and filter before and after."""
    spread = parts.propagation
    rows = spread.correlation.numpy()
    low, high = rows.min((1, 2), keepdims=True), rows.max((1, 2), keepdims=True)
    heat = (rows - low) / np.maximum(high - low, np.finfo(rows.dtype).tiny)
    used = paint(spread.used, PASSES, FAILS)
    used[(spread.region & ~spread.used).numpy()] = to_rgb(IGNORED)
    box, both = ('box',), ('box', 'region')
    changed = percent(spread.label != parts.label, 'relabelled', parts.valid)
    return [
        Column('weak view', rgb(parts.weak), (), ('point',)),
        Column(
            'correlation\nto the cross',
            matplotlib.colormaps['magma'](heat)[..., :3],
            (),
            ('point',),
            ('magma', 0.0, 1.0, {0.0: 'min', 0.5: '½', 1.0: 'max'}),
        ),
        Column('its region\n(above ½)', used, (), ('box', 'point')),
        Column('mixed image,\nfor the student', rgb(parts.strong), (), box),
        Column('pseudo label\nbefore', classes_of(parts.label, parts, colours), (), both),
        Column('pseudo label\nafter', classes_of(spread.label, parts, colours), changed, both),
        Column(
            f'filter before\n(≥ {parts.threshold:.3f})',
            filter_of(parts),
            percent(parts.confident, among=parts.valid),
            box,
        ),
        Column(
            'filter after',
            filter_of(parts, spread.passed & ~parts.confident),
            percent(spread.passed, among=parts.valid),
            box,
        ),
    ]


def rgb(image: Tensor) -> np.ndarray:
    """Images (N, 3, H, W) as pictures."""
    return image.permute(0, 2, 3, 1).numpy()


def paint(mask: Tensor, inside: str, outside: str) -> np.ndarray:
    """A mask (N, H, W) in two colours."""
    return np.where(mask.numpy()[..., None], to_rgb(inside), to_rgb(outside))


def classes_of(label: Tensor, parts: StepParts, colours: np.ndarray) -> np.ndarray:
    """Labels (N, H, W) in the colours of the classes; pixels that are not valid are greyed out."""
    return np.where(parts.valid.numpy()[..., None], colours[label.numpy()], to_rgb(IGNORED))


def filter_of(parts: StepParts, added: Tensor | None = None) -> np.ndarray:
    """The filter before propagation, and what propagation ``added`` to it."""
    pictures = paint(parts.confident, PASSES, FAILS)
    pictures[~parts.valid.numpy()] = to_rgb(IGNORED)
    if added is not None:
        pictures[added.numpy()] = to_rgb(ADDED)
    return pictures


def percent(mask: Tensor, what: str = 'passes', among: Tensor | None = None) -> list[str]:
    """Share of each mask (N, H, W), of all pixels or of those ``among``, as a caption."""
    among = torch.ones_like(mask) if among is None else among
    shares = (mask & among).sum((1, 2)) / among.sum((1, 2)).clamp(min=1)
    return [f'{100 * share:.{0 if share > 0.1 else 1}f} % {what}' for share in shares.tolist()]


def lay_out(
    columns: list[Column], parts: StepParts, title: str, legends: list[list[Artist]]
) -> plt.Figure:
    """Pictures in a grid; below them colour bars, then one legend per kind of colour."""
    rows, (height, width) = len(parts.names), parts.label.shape[1:]
    margin = 1.4 * LINE
    cell = (WIDTH - margin - GAP * (len(columns) - 1)) / len(columns)
    tall = max(cell * height / width, SHORTEST)
    caption = LINE if any(column.captions for column in columns) else GAP
    bar = 2 * LINE if any(column.scale for column in columns) else 0
    per_row = [entries_per_line(keys) for keys in legends]
    lines = [math.ceil(len(keys) / n) for keys, n in zip(legends, per_row, strict=True)]
    head, foot = 4 * LINE, bar + 1.25 * LINE * (sum(lines) + 0.6)
    total = head + rows * (tall + caption) + foot

    figure = plt.figure(figsize=(WIDTH, total))

    def axes_at(left: float, top: float, wide: float, high: float) -> plt.Axes:
        return figure.add_axes((left / WIDTH, 1 - (top + high) / total, wide / WIDTH, high / total))

    lefts = [margin + n * (cell + GAP) for n in range(len(columns))]
    for n in range(rows):
        for left, column in zip(lefts, columns, strict=True):
            axes = axes_at(left, head + n * (tall + caption), cell, tall)
            draw_picture(axes, column, parts, n)
            if n == 0:
                axes.set_title(column.title, fontsize=8, pad=4)
            if left == margin:
                axes.set_ylabel(parts.names[n], fontsize=7)
    for left, column in zip(lefts, columns, strict=True):
        if column.scale:
            name, low, high, ticks = column.scale
            axes = axes_at(left, total - foot + 0.2 * LINE, cell, 0.5 * LINE)
            mappable = ScalarMappable(Normalize(low, high), name)
            figure.colorbar(mappable, axes, orientation='horizontal')
            axes.set_xticks(list(ticks), list(ticks.values()), fontsize=7)
            axes.tick_params(length=2, pad=1)
            first, *_, last = axes.get_xticklabels()
            first.set_ha('left')
            last.set_ha('right')
    used = 0
    for keys, ncols, count in zip(legends, per_row, lines, strict=True):
        top = foot - bar - 1.25 * LINE * (used + 0.2)
        used += count
        draw_keys(figure, keys, ncols, top / total)
    figure.suptitle(
        title, fontsize=9, x=margin / WIDTH, y=1 - 0.3 * LINE / total, ha='left', va='top'
    )
    return figure


def draw_picture(axes: plt.Axes, column: Column, parts: StepParts, n: int) -> None:
    """One picture with its marks and caption."""
    axes.imshow(column.pictures[n], interpolation='nearest', aspect='auto')
    axes.set(xticks=[], yticks=[], autoscale_on=False)
    for spine in axes.spines.values():
        spine.set(visible=True, color='#777777', linewidth=0.5)
    if column.captions:
        axes.set_xlabel(column.captions[n], fontsize=7, labelpad=2)
    if 'box' in column.marks and parts.box is not None and parts.box[n].any():
        where = parts.box[n].nonzero()
        (top, left), (bottom, right) = (f.values.tolist() for f in (where.min(0), where.max(0)))
        corner, size = (left - 0.5, top - 0.5), (right - left + 1, bottom - top + 1)
        axes.add_patch(Rectangle(corner, *size, **FRAME))
    if 'region' in column.marks and parts.propagation.used[n].any():
        region = parts.propagation.used[n].numpy()
        lines = axes.contour(region, [0.5], colors=REGION['color'], linewidths=REGION['lw'])
        lines.set_path_effects(REGION['path_effects'])
    if 'point' in column.marks:
        axes.plot(*parts.propagation.points[n], **CROSS)
