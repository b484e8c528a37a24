"""Ours against the published numbers."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from mmseg_plugins.results.comparison import tolerance
from mmseg_plugins.results.style import GREY, NAMES

BAND = '#dddddd'
# Cells beyond the tolerance that are named.
NAMED = 10
# Methods lie this factor apart on the axis of label counts, so that none hides another.
APART = 1.07


def comparable(cells: pd.DataFrame) -> pd.DataFrame:
    """The rows of :func:`cells.cell_table` in which ours and the published number compare."""
    return cells[cells['verdict'].isin(('within', 'below', 'above'))]


def agreement(cells: pd.DataFrame, styles: dict[str, tuple[str, str]]) -> plt.Figure:
    """Ours against published, and their difference against the number of labelled images.

    Ours is the mean by the paper's selection rule, bars are its standard deviation. The tolerance
    depends on the number of labels: left it is a grey bar behind each point, right a band. The
    cells furthest beyond it are named.

    Args:
        cells (pd.DataFrame): From :func:`cells.cell_table`; some rows must be comparable.
        styles (dict[str, tuple[str, str]]): Colour and marker per method.

    Returns:
        plt.Figure: The figure.
    """
    rows = comparable(cells)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.0, 3.9), layout='constrained')
    values = pd.concat(
        [rows['published'] + sign * rows['tolerance'] for sign in (-1, 1)]
        + [rows['own_mean'] + sign * rows['own_std'].fillna(0) for sign in (-1, 1)]
    )
    limits = values.min() - 1, values.max() + 1
    left.plot(limits, limits, color=GREY, lw=0.9, zorder=1)
    left.vlines(
        rows['published'],
        rows['published'] - rows['tolerance'],
        rows['published'] + rows['tolerance'],
        color=BAND,
        lw=7,
        zorder=0,
    )
    left.set(xlim=limits, ylim=limits, aspect='equal')
    left.set(xlabel='published mIoU (%)', ylabel='our mIoU (%)')
    draw_band(right, rows)
    handles = [
        Patch(color=BAND, label='tolerance'),
        Line2D([], [], color=GREY, lw=0.9, label='equal'),
    ]
    methods = [method for method in styles if method in set(rows['method'])]
    shifts = {name: APART ** (n - (len(methods) - 1) / 2) for n, name in enumerate(methods)}
    places = rows['labelled'] * rows['method'].map(shifts)
    for method in methods:
        members = rows[rows['method'] == method]
        colour, marker = styles[method]
        look = dict(color=colour, marker=marker, linestyle='none', markersize=5.5, capsize=2.5)
        bars = members['own_std'] if members['own_std'].notna().any() else None
        left.errorbar(members['published'], members['own_mean'], yerr=bars, **look)
        points = right.errorbar(places[members.index], members['difference'], bars, **look)
        points.set_label(NAMES.get(method, method))
        handles.append(points)
    name_outside(right, rows[rows['verdict'] != 'within'].assign(place=places))
    within = (rows['verdict'] == 'within').sum()
    figure.suptitle(
        f'{within} of {len(rows)} comparable cells within the tolerance; bars: standard deviation '
        'over seeds',
        fontsize=9,
        x=0.02,
        ha='left',
    )
    figure.legend(handles=handles, loc='outside lower center', ncols=min(len(handles), 5))
    return figure


def name_outside(axes: plt.Axes, rows: pd.DataFrame) -> None:
    """The names of cells beyond the tolerance, in a column beside the axes, with lines to them.

    Args:
        axes (plt.Axes): Where the points are.
        rows (pd.DataFrame): The cells; the column ``place`` says where on the axis of label counts.
    """
    excess = (rows['difference'].abs() - rows['tolerance']).sort_values(ascending=False)
    named = rows.loc[excess.index[:NAMED]].sort_values('difference', ascending=False)
    low, high = axes.get_ylim()
    step = (high - low) / NAMED
    places = named['difference'].to_numpy(copy=True)
    # as near to its point as the line above allows, then up again from the end of the axes
    for number in range(1, len(places)):
        places[number] = min(places[number], places[number - 1] - step)
    for number in range(len(places) - 1, -1, -1):
        floor = low if number == len(places) - 1 else places[number + 1] + step
        places[number] = max(places[number], floor)
    for place, (_, row) in zip(places, named.iterrows(), strict=True):
        axes.annotate(
            f'{row["cell"]} {row["difference"]:+z.1f}'.replace(' -', ' −'),
            (row['place'], row['difference']),
            (1.03, place),
            textcoords=axes.get_yaxis_transform(),
            va='center',
            fontsize=7,
            arrowprops=dict(arrowstyle='-', color=GREY, lw=0.5, relpos=(0, 0.5), shrinkB=3),
            annotation_clip=False,
        )
    if len(rows) > NAMED:
        axes.annotate(
            f'and {len(rows) - NAMED} more beyond the tolerance',
            (1.03, -0.08),
            xycoords='axes fraction',
            fontsize=7,
            annotation_clip=False,
        )


def draw_band(axes: plt.Axes, rows: pd.DataFrame) -> None:
    """The axes of differences, with the tolerance as a band over the label counts."""
    counts = sorted(rows['labelled'].unique())
    low, high = counts[0] / 1.5, counts[-1] * 1.5
    across = np.geomspace(low, high, 200)
    points = np.array([tolerance(count) for count in across])
    axes.fill_between(across, -points, points, color=BAND, lw=0, zorder=0)
    axes.axhline(0, color=GREY, lw=0.9, zorder=1)
    axes.set_xscale('log')
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.xaxis.set_major_formatter(StrMethodFormatter('{x:g}'))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set(xlim=(low, high), xlabel='labelled images', ylabel='ours − published (points)')
