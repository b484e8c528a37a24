"""Images, ground truth and the predictions of several runs beside each other."""

import math
import re
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from PIL import Image

from mmseg_plugins.results.picture_keys import GAP, LINE, WIDTH, draw_keys, entries_per_line, patch
from mmseg_plugins.results.prediction_parts import ImagePredictions
from mmseg_plugins.results.step_plots import IGNORED
from mmseg_plugins.results.style import drawing


def draw_predictions(
    images: Sequence[ImagePredictions],
    labels: Sequence[str],
    title: str,
    classes: Sequence[str],
    palette: Sequence[Sequence[int]],
) -> plt.Figure:
    """Draw one row per image: the image, its ground truth, each run's prediction with its mIoU.

    Args:
        images (Sequence[ImagePredictions]): The rows.
        labels (Sequence[str]): What the runs are called.
        title (str): Of the whole figure.
        classes (Sequence[str]): Class names.
        palette (Sequence[Sequence[int]]): RGB of each class in 0..255.

    Returns:
        plt.Figure: The pictures' axes row by row.
    """
    colours = np.array(palette) / 255
    known = range(len(classes))
    shown = [array for image in images for array in (image.truth, *image.predictions)]
    present = sorted({int(c) for array in shown for c in np.unique(array)} & set(known))
    keys = [patch(classes[c], colours[c]) for c in present]
    if any(not np.isin(image.truth, known).all() for image in images):
        keys.append(patch('not labelled', IGNORED))
    columns = 2 + len(labels)
    margin = 1.4 * LINE
    cell = (WIDTH - margin - GAP * (columns - 1)) / columns
    # a character is some 0.068 inches wide
    titles = [wrap(text, cell / 0.068) for text in ('image', 'ground truth', *labels)]
    talls = [cell * image.truth.shape[0] / image.truth.shape[1] for image in images]
    per_line = entries_per_line(keys)
    foot = 1.25 * LINE * (math.ceil(len(keys) / per_line) + 0.6)
    head = (1.9 + max(text.count('\n') + 1 for text in titles)) * LINE
    total = head + sum(talls) + LINE * len(images) + foot

    with drawing(axes_grid=False, font_size=8):
        figure = plt.figure(figsize=(WIDTH, total))
        top = head
        for image, tall in zip(images, talls, strict=True):
            pictures = [
                np.asarray(Image.open(image.path).convert('RGB')),
                *(in_colour(array, colours) for array in (image.truth, *image.predictions)),
            ]
            captions = ['', '', *(f'mIoU {score:.1f}' for score in image.scores)]
            for number, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
                left = (margin + number * (cell + GAP)) / WIDTH
                place = left, 1 - (top + tall) / total, cell / WIDTH, tall / total
                axes = figure.add_axes(place)
                # classes have no colours between them
                smooth = 'auto' if number == 0 else 'nearest'
                axes.imshow(picture, interpolation=smooth, aspect='auto')
                axes.set(xticks=[], yticks=[])
                axes.set_xlabel(caption, fontsize=7, labelpad=2)
                for spine in axes.spines.values():
                    spine.set(visible=True, color='#777777', linewidth=0.5)
                if top == head:
                    axes.set_title(titles[number], fontsize=8, pad=4)
                if number == 0:
                    axes.set_ylabel(wrap(image.name, tall / 0.06), fontsize=7)
            top += tall + LINE
        draw_keys(figure, keys, per_line, (foot - 0.3 * LINE) / total)
        figure.suptitle(
            title, fontsize=9, x=margin / WIDTH, y=1 - 0.3 * LINE / total, ha='left', va='top'
        )
    return figure


def in_colour(label: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Labels (H, W) in the colours of the classes, pixels without one in grey: (H, W, 3)."""
    inside = (label >= 0) & (label < len(colours))
    return np.where(inside[..., None], colours[np.where(inside, label, 0)], to_rgb(IGNORED))


def wrap(text: str, width: float) -> str:
    """Lines of at most ``width`` characters, broken at blanks, ``-`` and ``_``, else anywhere."""
    wrapper = textwrap.TextWrapper(max(1, int(width)))
    wrapper.wordsep_re = re.compile(r'(?<=[-_\s])')
    return '\n'.join(part for line in text.split('\n') for part in wrapper.wrap(line))
