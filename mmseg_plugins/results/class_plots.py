"""IoU of each class: methods by classes."""

import json
import math

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.colors import Normalize

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.style import series_label, variant_labels

# Columns of one panel; more classes go on below.
PER_PANEL = 14
CELL = 0.42, 0.27  # inches
MAP = 'viridis'
DARK = 44  # below, white on the map has more contrast than black


def class_table(runs: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """IoU per class at the last validation, mean over seeds.

    Args:
        runs (pd.DataFrame): The runs that count, from :func:`statistics.one_per_seed`.
        cells (pd.DataFrame): The configs wanted, rows of :func:`cells.cell_table`.

    Returns:
        pd.DataFrame: One row per config that has such numbers, in the order of ``cells``; the
        column ``mIoU``, then one per class; NaN where it is not defined. The index is that of
        ``cells``.

    Raises:
        UserError: If they cannot be read.
    """
    found = {}
    for index, row in cells.iterrows():
        members = runs[(runs['config'] == row['config']) & (runs['cell'] == row['cell'])]
        try:
            scores = [json.loads(text) for text in members['iou_per_class'] if text]
            means = pd.DataFrame([{**score} for score in scores if score], dtype=float).mean()
        except (ValueError, TypeError, AttributeError) as error:
            raise UserError(
                f'runs.csv: iou_per_class of a run of {row["config"]} cannot be read: '
                f'{str(error).splitlines()[0]}; delete that row and gather its run again'
            ) from error
        if len(means):
            found[index] = {'mIoU': row['last_mean'], **means}
    return pd.DataFrame.from_dict(found, orient='index')


def class_heat_map(title: str, cells: pd.DataFrame, scores: pd.DataFrame) -> plt.Figure:
    """A heat map of methods by classes, the numbers in it.

    Args:
        title (str): The benchmark.
        cells (pd.DataFrame): Rows of :func:`cells.cell_table`.
        scores (pd.DataFrame): From :func:`class_table`; its index is in that of ``cells``.

    Returns:
        plt.Figure: The figure.
    """
    cells = cells.loc[scores.index]
    labels = row_labels(cells)
    panels = math.ceil(scores.shape[1] / PER_PANEL)
    columns = math.ceil(scores.shape[1] / panels)
    figure, grid = plt.subplots(
        panels,
        1,
        figsize=(CELL[0] * columns + 2.6, panels * (CELL[1] * len(scores) + 1.0) + 0.5),
        squeeze=False,
        layout='constrained',
    )
    norm = Normalize(0, 100)
    for number, axes in enumerate(grid.flat):
        part = scores.iloc[:, number * columns : (number + 1) * columns]
        image = axes.imshow(
            np.ma.masked_invalid(part.to_numpy()), norm=norm, cmap=MAP, aspect='auto'
        )
        for (row, column), value in np.ndenumerate(part.to_numpy()):
            known = np.isfinite(value)
            colour = 'white' if known and value < DARK else 'black'
            text = f'{value:.1f}' if known else '–'
            axes.text(column, row, text, ha='center', va='center', fontsize=7, color=colour)
        axes.set_xlim(-0.5, columns - 0.5)  # cells of all panels are of one size
        axes.set_xticks(
            range(part.shape[1]), part.columns, rotation=45, ha='left', rotation_mode='anchor'
        )
        axes.xaxis.tick_top()
        axes.set_yticks(range(len(labels)), labels)
        axes.tick_params(length=0)
        axes.grid(False)
        axes.spines[:].set_visible(False)
        if number == 0:  # the mean stands apart
            axes.axvline(0.5, color='white', lw=3)
    seeds = ', mean over seeds' if (cells['n'] > 1).any() else ''
    figure.suptitle(f'{title}: IoU (%), last validation{seeds}', fontsize=9, x=0.02, ha='left')
    bar = figure.colorbar(image, ax=grid, shrink=0.9, aspect=12 * panels, pad=0.015)
    bar.set_ticks([0, 50, 100])
    bar.outline.set_visible(False)
    return figure


def row_labels(cells: pd.DataFrame) -> list[str]:
    """The method of each row, with crop, length or label count where that tells two apart."""
    labels = [
        series_label(row['method'], row['network'], cells['network']) for _, row in cells.iterrows()
    ]
    counts = cells['labelled'].nunique() > 1
    crops = variant_labels(cells)
    groups = cells.groupby([*(cells[name] for name in ('benchmark', 'method', 'network')), crops])
    several = groups['config'].transform('size')
    for number, (index, row) in enumerate(cells.iterrows()):
        labels[number] += crops[index]
        if several[index] > 1:
            labels[number] += f', {row["iterations"]:.0f} it.'
        if counts and row['labelled'] == cells['labelled'].max():
            labels[number] += f', all {row["labelled"]:g} labels'
    return labels
