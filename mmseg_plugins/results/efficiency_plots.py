"""mIoU against the number of labelled images."""

import itertools
import math
from collections.abc import Collection, Sequence

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from mmseg_plugins.results.style import FILLS, GREY, LINES, NAMES

# Series of one panel lie this share of the axis apart, so that none hides another, but all those of
# a label count within this share of the way to the next one, so that none is taken for it.
APART = 0.035
WITHIN = 0.6
HOLLOW = 'hollow: published'
# Panels beside each other.
COLUMNS = 2


def label_efficiency(
    cells: pd.DataFrame, styles: dict[str, tuple[str, str]], full: Collection[str] = ()
) -> plt.Figure:
    """mIoU against the number of labelled images, one panel per list family and network.

    Ours is the mean by the paper's selection rule, with the standard deviation over seeds;
    published numbers are hollow, beside ours. Configs of one method that share a cell (another
    crop, a longer schedule) are series of their own, the primary one first. Only three label counts
    or more are joined by a line. SupOnly with all labels is a horizontal line in the panels that
    have anything else; its published number is hollow at the right end.

    Args:
        cells (pd.DataFrame): Rows of one data set from :func:`cells.cell_table`.
        styles (dict[str, tuple[str, str]]): Colour and marker per method.
        full (Collection[str]): Benchmarks in which all images are labelled. Defaults to none.

    Returns:
        plt.Figure: The figure.
    """
    cells = cells.dropna(subset='labelled')
    # options of speed belong beside their plain run, not on a curve of methods
    plain = cells['protocol'].map(lambda protocol: not protocol.get('speed')).astype(bool)
    ours = cells[(cells['n'] > 0) & plain].copy()
    ours['crop'] = [str(protocol.get('crop')) for protocol in ours['protocol']]
    ours['extra'] = [not protocol.get('primary', True) for protocol in ours['protocol']]
    same = ours.groupby(['benchmark', 'method', 'network', 'crop'])
    ours['length'] = same['iterations'].rank(method='first').astype(int)
    theirs = cells[cells['published_ranks']].drop_duplicates('cell')
    panels = list(ours.groupby(['family', 'network'], sort=False))
    columns = min(COLUMNS, len(panels))
    count = math.ceil(len(panels) / columns)
    figure, grid = plt.subplots(
        count,
        columns,
        figsize=(3.4 * columns + 1.8, 2.9 * count + 0.3),
        squeeze=False,
        sharey=True,
        layout='constrained',
    )
    handles: dict[str, object] = {}
    for axes, ((family, network), rows) in zip(grid.flat, panels, strict=False):
        where = (theirs['family'] == family) & (theirs['network'] == network)
        reference = rows[rows['benchmark'].isin(full) & (rows['method'] == 'suponly')]
        if len(reference) == len(rows):
            reference = rows.iloc[:0]
        published = theirs[where]
        full_one = published['cell'].isin(reference['cell'])
        draw_panel(axes, rows.drop(reference.index), published[~full_one], styles, handles)
        draw_reference(axes, reference, published[full_one], handles)
        axes.set_xlabel('labelled images')
        if len(panels) > 1:
            axes.set_title(f'{family}, {network}', loc='left')
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    for axes in grid[:, 0]:
        axes.set_ylabel('mIoU (%)')
    low, high = grid[0, 0].get_ylim()
    if high - low < 5:  # a difference of a tenth must not look like a lead
        grid[0, 0].set_ylim((low + high) / 2 - 2.5, (low + high) / 2 + 2.5)
    figure.suptitle(heading(ours), fontsize=9, x=0.02, ha='left')
    labels = sorted(handles, key=lambda label: label == HOLLOW)
    figure.legend([handles[label] for label in labels], labels, loc='outside right center')
    return figure


def heading(ours: pd.DataFrame) -> str:
    """What is shown: the data set, which validation, and what the bars are."""
    rules = [rule for rule in ('last', 'best') if rule in set(ours['rule'])]
    which = f'{" or ".join(rules)} validation' + (', as in the paper' if len(rules) > 1 else '')
    seeds = sorted(ours['n'].unique())
    spread = f'{seeds[0]}' if len(seeds) == 1 else f'{seeds[0]} to {seeds[-1]}'
    bars = 'one seed' if seeds == [1] else f'bars: standard deviation, {spread} seeds'
    return f'{ours["dataset"].iloc[0]}, {which}; {bars}'


def draw_panel(
    axes: plt.Axes,
    ours: pd.DataFrame,
    theirs: pd.DataFrame,
    styles: dict[str, tuple[str, str]],
    handles: dict[str, object],
) -> None:
    """One list family and network: points of ours with bars, published ones hollow beside them."""
    counts = sorted({*ours['labelled'], *theirs['labelled']})
    found = []
    for method in (name for name in styles if name in {*ours['method'], *theirs['method']}):
        members = ours[ours['method'] == method]
        parts = sorted(
            members.groupby(['crop', 'length']),
            key=lambda part: (part[1]['extra'].mean(), part[0]),
        )
        found += [(method, number, rows) for number, (_, rows) in enumerate(parts)]
        if not parts:
            found.append((method, 0, members))
    shifts, beside, limits = spread_out(counts, len(found))
    for (method, number, rows), shift in zip(found, shifts, strict=True):
        colour, marker = styles[method]
        label = series_name(method, rows, ours[ours['method'] == method])
        joined = rows['labelled'].nunique() > 2
        if len(rows):
            series = axes.errorbar(
                rows['labelled'] * shift,
                rows['own_mean'],
                # One seed has no deviation: no bar, not one of length 0.
                yerr=rows['own_std'] if rows['own_std'].notna().any() else None,
                color=colour,
                marker=marker,
                markersize=6,
                fillstyle=FILLS[number % len(FILLS)],
                markerfacecoloralt='white',
                linestyle=LINES[number % len(LINES)] if joined else 'none',
                linewidth=1.4,
                capsize=2.5,
                label=label,
            )
            if joined or label not in handles:  # the legend shows the line where a panel has one
                handles[label] = series
        rows = theirs[theirs['method'] == method] if number == 0 else theirs.iloc[:0]
        if len(rows):
            look = dict(linestyle='none', markersize=6, markerfacecolor='none')
            x = rows['labelled'] * shift * beside
            axes.plot(x, rows['published'], color=colour, marker=marker, label=HOLLOW, **look)
            handles[HOLLOW] = hollow([], [])
    axes.set_xscale('log')
    axes.xaxis.set_major_locator(FixedLocator(counts))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([f'{count:g}' for count in counts])
    axes.set_xlim(*limits)


def series_name(method: str, rows: pd.DataFrame, members: pd.DataFrame) -> str:
    """The method of a series, with crop and length where its other series differ in them."""
    parts = [NAMES.get(method, method)]
    if members['crop'].nunique() > 1:
        parts.append(f'crop {rows["crop"].iloc[0]}')
    if (members['length'] > 1).any():
        lengths = sorted({f'{value:.0f}' for value in rows['iterations']}, key=int)
        parts.append(f'{" / ".join(lengths)} it.')
    return ', '.join(parts)


def hollow(x: Sequence[float], y: Sequence[float], **changes) -> Line2D:
    """Published points that belong to no series."""
    look = dict(color=GREY, marker='o', ls='none', markersize=6, markerfacecolor='none')
    return Line2D(x, y, label=HOLLOW, **look, **changes)


def draw_reference(
    axes: plt.Axes, rows: pd.DataFrame, theirs: pd.DataFrame, handles: dict[str, object]
) -> None:
    """SupOnly with all labels: a line across with its number; the published one at the end."""
    for _, row in rows.iterrows():
        line = axes.axhline(row['own_mean'], color=GREY, linestyle='--', lw=1.2)
        deviation = f' ± {row["own_std"]:.1f}' if row['n'] > 1 else ''
        axes.annotate(
            f'{row["own_mean"]:.1f}{deviation}',
            (0.01, row['own_mean']),
            (0, 3),
            xycoords=axes.get_yaxis_transform(),
            textcoords='offset points',
            fontsize=7,
            color=GREY,
            bbox=dict(color='white', pad=0.5),
        )
        handles[f'SupOnly, all {row["labelled"]:g} labels'] = line
    for value in theirs['published']:
        axes.update_datalim([(axes.get_xlim()[0], value)])
        axes.autoscale_view(scalex=False)
        place = axes.get_yaxis_transform()
        axes.add_line(hollow([1], [value], transform=place, clip_on=False, zorder=3))
        handles[HOLLOW] = hollow([], [])


def spread_out(
    counts: Sequence[float], series: int
) -> tuple[list[float], float, tuple[float, float]]:
    """Factors that set series apart on a logarithmic axis, and the limits that hold them.

    Args:
        counts (Sequence[float]): The label counts, ascending.
        series (int): How many series there are.

    Returns:
        tuple[list[float], float, tuple[float, float]]: A factor per series, that of a published
        point beside ours, and the limits of the axis.
    """
    reach = math.log(counts[-1] / counts[0])
    gap = min((math.log(b / a) for a, b in itertools.pairwise(counts)), default=math.inf)
    margin = min(APART * (series + 2) / 2, 0.4)
    width = max(reach / (1 - 2 * margin), math.log(1.8))
    step = min(APART * width, WITHIN * gap / series)
    width = max(reach + step * (series + 2), math.log(1.8))
    middle = math.sqrt(counts[0] * counts[-1])
    shifts = [math.exp(step * (n - (series - 1) / 2)) for n in range(series)]
    limits = middle * math.exp(-width / 2), middle * math.exp(width / 2)
    return shifts, math.exp(step / 2), limits
