"""Figures from ``runs.csv`` and the thinned curves; byte-stable as SVG and PNG."""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import pandas as pd

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.atomic import write_output
from mmseg_plugins.results.published import PRESUMED
from mmseg_plugins.results.statistics import METHODS, dataset_of, summarise
from mmseg_plugins.results.training_plots import (
    LINES,
    read_curves,
    series_label,
    training_figures,
)

matplotlib.use('Agg')
from matplotlib import pyplot as plt  # noqa: E402  (the backend comes first)
from matplotlib.ticker import FixedLocator, NullLocator  # noqa: E402

# Okabe and Ito's colours, told apart by colour-blind readers; the marker repeats the method.
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000')
MARKERS = 'osD^vPX'
# A longer schedule is half filled; published numbers are hollow.
FILLS = ('full', 'left', 'bottom', 'right')
STYLE = {
    'svg.hashsalt': 'mmseg_plugins',
    'font.size': 9,
    'axes.titlesize': 9,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.grid': True,
    'grid.color': '#dddddd',
    'grid.linewidth': 0.6,
    'axes.axisbelow': True,
    'legend.frameon': False,
    'figure.dpi': 150,
}
# Series of one figure lie this share of the axis apart, so that none hides another.
APART = 0.035


def plot_all(runs: pd.DataFrame, published: pd.DataFrame, results: Path) -> list[Path]:
    """Draw every figure.

    Args:
        runs (pd.DataFrame): ``runs.csv``.
        published (pd.DataFrame): ``published.csv``.
        results (Path): The results folder; figures go to ``figures/`` in it.

    Returns:
        list[Path]: The files.

    Raises:
        UserError: If no run has finished, or a figure cannot be written.
    """
    summary = summarise(runs)
    if summary.empty:
        raise UserError(f'{results / "runs.csv"} has no finished run with a score: nothing to draw')
    styles = method_styles(summary)
    files: dict[Path, bytes] = {}
    with matplotlib.rc_context(STYLE):
        for dataset, rows in summary.groupby(summary['benchmark'].map(dataset_of)):
            if rows['labelled'].notna().any():
                figure = label_efficiency(rows.dropna(subset='labelled'), published, styles)
                files |= render(figure, results / 'figures' / f'{dataset}_label_efficiency')
        for benchmark, rows in summary.groupby('benchmark'):
            curves = read_curves(runs, rows, results / 'curves')
            for figure, name in training_figures(benchmark, rows, curves, styles):
                files |= render(figure, results / 'figures' / name)
    for path, content in files.items():
        write_output(path, content)
    return list(files)


def render(figure: plt.Figure, stem: Path) -> dict[Path, bytes]:
    """A figure as SVG and PNG, without dates and versions in it; it is closed."""
    files = {}
    for suffix, metadata in (
        ('.svg', {'Date': None, 'Creator': None}),
        ('.png', {'Software': None}),
    ):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix[1:], metadata=metadata, bbox_inches='tight')
        files[stem.with_name(stem.name.replace('/', '-') + suffix)] = buffer.getvalue()
    plt.close(figure)
    return files


def method_styles(summary: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Colour and marker per method, the same in every figure."""
    methods = [*METHODS, *sorted(set(summary['method']) - set(METHODS))]
    return {
        method: (COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)])
        for number, method in enumerate(methods)
    }


def label_efficiency(
    summary: pd.DataFrame, published: pd.DataFrame, styles: dict[str, tuple[str, str]]
) -> plt.Figure:
    """mIoU against the number of labelled images.

    Ours is the last validation, mean and standard deviation over seeds; published numbers of the
    same cells are hollow. Configs of one method and network that share a cell (a longer schedule)
    are series of their own. Only three label counts or more are joined by a line.

    Args:
        summary (pd.DataFrame): Rows of one data set, from :func:`summarise`.
        published (pd.DataFrame): The published table.
        styles (dict[str, tuple[str, str]]): Colour and marker per method.

    Returns:
        plt.Figure: The figure.
    """
    figure, axes = plt.subplots(figsize=(5.2, 3.4))
    summary = summary.assign(rank=summary.groupby('cell')['iterations'].rank(method='first'))
    counts = sorted(summary['labelled'].unique())
    order = list(styles)
    series = sorted(
        summary.groupby(['method', 'network', 'rank']), key=lambda item: order.index(item[0][0])
    )
    ranks = summary.groupby(['method', 'network'])['rank'].transform('max')
    theirs = published[
        published['cell'].isin(summary['cell']) & ~published['notes'].str.contains(PRESUMED)
    ].merge(summary[['cell', 'labelled']].drop_duplicates('cell'), on='cell')
    theirs = theirs.assign(
        method=theirs['cell'].str.split('/').str[1], network=theirs['cell'].str.split('/').str[2]
    )
    groups = sorted(theirs.groupby(['method', 'network']), key=lambda item: order.index(item[0][0]))
    shifts, limits = spread_out(counts, len(series) + len(groups))
    for ((method, network, rank), rows), shift in zip(series, shifts, strict=False):
        colour, marker = styles[method]
        label = series_label(method, network, summary)
        if ranks[rows.index].max() > 1:
            lengths = sorted({f'{value:.0f}' for value in rows['iterations']}, key=int)
            label += f', {" / ".join(lengths)} iterations'
        joined = rows['labelled'].nunique() > 2
        axes.errorbar(
            rows['labelled'] * shift,
            rows['last_mean'],
            # One seed has no deviation: no bar, not one of length 0.
            yerr=rows['last_std'] if rows['last_std'].notna().any() else None,
            color=colour,
            marker=marker,
            markersize=6,
            fillstyle=FILLS[int(rank - 1) % len(FILLS)],
            markerfacecoloralt='white',
            linestyle=LINES[int(rank - 1) % len(LINES)] if joined else 'none',
            linewidth=1.4,
            capsize=2.5,
            label=label,
        )
    for ((method, network), rows), shift in zip(groups, shifts[len(series) :], strict=True):
        colour, marker = styles[method]
        axes.plot(
            rows['labelled'] * shift,
            rows['value'],
            linestyle='none',
            marker=marker,
            markersize=6,
            markerfacecolor='none',
            color=colour,
            label=f'{series_label(method, network, summary)}, published',
        )
    axes.set_xscale('log')
    axes.xaxis.set_major_locator(FixedLocator(counts))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([f'{count:g}' for count in counts])
    axes.set_xlim(*limits)
    low, high = axes.get_ylim()
    if high - low < 5:  # a difference of a tenth must not look like a lead
        axes.set_ylim((low + high) / 2 - 2.5, (low + high) / 2 + 2.5)
    axes.set_xlabel('labelled images')
    axes.set_ylabel('mIoU (%)')
    seeds = sorted(summary['n'].unique())
    spread = f'{seeds[0]}' if len(seeds) == 1 else f'{seeds[0]} to {seeds[-1]}'
    bars = 'one seed' if seeds == [1] else f'bars: standard deviation, {spread} seeds'
    dataset = dataset_of(summary['benchmark'].iloc[0])
    axes.set_title(f'{dataset}, last validation; {bars}', loc='left')
    # Matplotlib lists bars after plain lines; ours come first here.
    handles, labels = axes.get_legend_handles_labels()
    entries = sorted(
        zip(handles, labels, strict=True), key=lambda item: item[1].endswith('published')
    )
    axes.legend(*zip(*entries, strict=True), loc='upper left', bbox_to_anchor=(1.02, 1.0))
    return figure


def spread_out(counts: Sequence[float], series: int) -> tuple[list[float], tuple[float, float]]:
    """Factors that set series apart on a logarithmic axis, and the limits that hold them.

    Args:
        counts (Sequence[float]): The label counts, ascending.
        series (int): How many series there are.

    Returns:
        tuple[list[float], tuple[float, float]]: A factor per series, and the limits of the axis.
    """
    margin = min(APART * (series + 2) / 2, 0.4)
    width = max(math.log(counts[-1] / counts[0]) / (1 - 2 * margin), math.log(1.8))
    middle = math.sqrt(counts[0] * counts[-1])
    shifts = [math.exp(APART * width * (n - (series - 1) / 2)) for n in range(series)]
    return shifts, (middle * math.exp(-width / 2), middle * math.exp(width / 2))
