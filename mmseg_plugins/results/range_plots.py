"""Scans with their labels and the predictions of several runs, stacked as range images are wide."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib import pyplot as plt

from mmseg_plugins.results.picture_keys import GAP, LINE, WIDTH, draw_keys, entries_per_line, patch
from mmseg_plugins.results.range_picture import (
    DEPTH,
    INTENSITY,
    OCCUPIED,
    UNKNOWN,
    colour_channel,
    colour_labels,
)
from mmseg_plugins.results.style import drawing

NAMES = 1.3  # inches left of the bands
STRETCH = 2  # a pixel is taller than wide by this, or a band would be a thread
TALL = 0.7  # inches of a band at most


def draw_scans(
    scans: Sequence,
    labels: Sequence[str],
    title: str,
    classes: Sequence[str],
    palette: Sequence[Sequence[int]],
) -> plt.Figure:
    """Draw scans below each other: depth, intensity, ground truth, each run's prediction.

    Args:
        scans (Sequence): Each with ``name``, ``image`` (network input (6, H, W)), ``truth``
            (H, W), ``predictions`` (one (H, W) a run) and ``scores`` (their mIoU in percent).
        labels (Sequence[str]): What the runs are called.
        title (str): Of the whole figure.
        classes (Sequence[str]): Class names.
        palette (Sequence[Sequence[int]]): RGB of each class in 0..255.

    Returns:
        plt.Figure: The bands' axes from the top.
    """
    shown = [np.unique(array) for scan in scans for array in (scan.truth, *scan.predictions)]
    present = sorted(set(np.concatenate(shown).tolist()) & set(range(len(classes))))
    keys = [patch(classes[c], np.array(palette[c]) / 255) for c in present]
    keys.append(patch('not labelled', np.array(UNKNOWN) / 255))
    keys.append(patch('no point', 'black'))
    per_line = entries_per_line(keys)
    foot = 1.25 * LINE * (math.ceil(len(keys) / per_line) + 0.6)
    wide = WIDTH - NAMES
    shapes = [scan.image.shape[1:] for scan in scans]
    talls = [min(TALL, STRETCH * wide * height / width) for height, width in shapes]
    bands = 3 + len(labels)
    total = 3 * LINE + sum(bands * (tall + GAP) + 1.5 * LINE for tall in talls) + foot
    with drawing(axes_grid=False, font_size=8):
        figure = plt.figure(figsize=(WIDTH, total))
        top = 2 * LINE
        for scan, tall in zip(scans, talls, strict=True):
            figure.text(0, 1 - (top + LINE) / total, scan.name, fontsize=8)
            top += 1.5 * LINE
            for name, picture in bands_of(scan, labels, palette):
                place = NAMES / WIDTH, 1 - (top + tall) / total, wide / WIDTH, tall / total
                axes = figure.add_axes(place)
                axes.imshow(picture, interpolation='nearest', aspect='auto')
                axes.set(xticks=[], yticks=[])
                axes.set_ylabel(name, fontsize=7, rotation=0, ha='right', va='center')
                top += tall + GAP
        draw_keys(figure, keys, per_line, (foot - 0.3 * LINE) / total)
        figure.suptitle(title, fontsize=9, x=0, y=1 - 0.3 * LINE / total, ha='left', va='top')
    return figure


def bands_of(scan, labels: Sequence[str], palette: Sequence[Sequence[int]]) -> list[tuple]:
    """Name and picture of each band of a scan; see :func:`draw_scans`."""
    image = np.asarray(scan.image, dtype=np.float32)
    occupied = image[OCCUPIED] > 0
    bands = [
        ('depth', colour_channel(image, DEPTH)),
        ('intensity', colour_channel(image, INTENSITY, 'gray')),
        ('ground truth', colour_labels(scan.truth, palette, occupied)),
    ]
    for label, prediction, score in zip(labels, scan.predictions, scan.scores, strict=True):
        picture = colour_labels(prediction, palette, occupied)
        bands.append((f'{label}\nmIoU {score:.1f}', picture))
    return bands
