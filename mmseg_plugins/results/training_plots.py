"""Figures of trainings: mIoU and the logged scalars against the iteration."""

import math
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.style import COLOURS, LINES, MARKERS, series_label, variant_labels
from mmseg_plugins.results.table import curve_name, numeric

# Scalars that say how a training went, in this order.
PANELS = (
    'mIoU',
    'loss',
    r'sup\..*loss.*',
    r'unsup\..*loss.*',
    '.*loss.*',
    'mask_ratio',
    'propagated_ratio',
    'threshold',
)
# A line has about as many markers as this, to be known in print.
POINTS = 6
# Losses that fall from the start, drawn logarithmically where they fall to less than one in WIDE:
# else all but the start lies on the axis.
LOGARITHMIC = re.compile(r'loss|sup\..*loss.*')
WIDE = 20


def read_curve(run_id: str, folder: Path) -> pd.DataFrame | None:
    """The curve of a run.

    Args:
        run_id (str): The run.
        folder (Path): ``results/curves``.

    Returns:
        pd.DataFrame | None: ``iter`` and scalars; None where the run has no curve.

    Raises:
        UserError: If the file cannot be read.
    """
    path = folder / curve_name(run_id)
    if not path.exists():
        return None
    try:
        # The stock model names its losses without the methods' prefix.
        curve = pd.read_csv(path).rename(
            columns=lambda name: re.sub(r'^decode\.', 'sup.decode.', name)
        )
        if 'iter' not in curve:
            raise ValueError('it has no column iter')
        return curve.apply(pd.to_numeric, errors='raise').replace([math.inf, -math.inf], math.nan)
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f'{path} is no curve: {reason}; gather that run again') from error


def read_curves(counted: pd.DataFrame, rows: pd.DataFrame, folder: Path) -> dict[str, pd.DataFrame]:
    """The curves of the runs that count.

    Args:
        counted (pd.DataFrame): From :func:`statistics.one_per_seed`.
        rows (pd.DataFrame): The configs wanted, with ``config`` and ``benchmark``.
        folder (Path): ``results/curves``.

    Returns:
        dict[str, pd.DataFrame]: Config to the rows of all its seeds; configs without a curve are
        left out.

    Raises:
        UserError: If a curve cannot be read.
    """
    counted = counted[
        counted['config'].isin(rows['config']) & counted['benchmark'].isin(rows['benchmark'])
    ]
    curves: dict[str, list[pd.DataFrame]] = {}
    for _, run in counted.sort_values(['seed', 'run_id']).iterrows():
        curve = read_curve(run['run_id'], folder)
        if curve is not None:
            curves.setdefault(run['config'], []).append(curve)
    return {config: pd.concat(parts) for config, parts in curves.items()}


def training_figures(
    benchmark: str,
    rows: pd.DataFrame,
    curves: dict[str, pd.DataFrame],
    styles: dict[str, tuple[str, str]],
) -> Iterator[tuple[plt.Figure, str]]:
    """mIoU against the iteration, and small multiples of losses and free metrics.

    Lines are means over seeds, bands reach from the lowest to the highest seed.

    Args:
        benchmark (str): The benchmark.
        rows (pd.DataFrame): Its configs, rows of :func:`cells.cell_table`.
        curves (dict[str, pd.DataFrame]): From :func:`read_curves`.
        styles (dict[str, tuple[str, str]]): Colour and marker per method.

    Yields:
        tuple[plt.Figure, str]: Each figure and the name of its file.
    """
    lines = []
    rank: dict[str, int] = {}
    crops = variant_labels(rows)
    for index, row in rows[rows['config'].isin(curves)].iterrows():
        number = rank[row['method']] = rank.get(row['method'], -1) + 1
        seeds = f'{row["n"]} seeds' if row['n'] > 1 else '1 seed'
        label = series_label(row['method'], row['network'], rows['network']) + crops[index]
        colour, marker = styles[row['method']]
        style = dict(color=colour, marker=marker, linestyle=LINES[number % len(LINES)])
        if number % 2:  # two lengths of a method are told apart by the marker, too
            style |= dict(markerfacecolor='white')
        lines.append(
            (curves[row['config']], f'{label}, {row["iterations"]:.0f} it., {seeds}', style)
        )
    several = any(not label.endswith(', 1 seed') for _, label, _ in lines)
    title = benchmark + (': mean over seeds, band from lowest to highest' if several else '')
    panels = panels_of([curve for curve, _, _ in lines])
    if 'mIoU' in panels:
        yield grid(title, ['mIoU'], lines), f'{benchmark}_miou'
    if others := [name for name in panels if name != 'mIoU']:
        yield grid(title, others, lines), f'{benchmark}_training'


def chosen_runs(
    runs: pd.DataFrame, patterns: Sequence[str], folder: Path, per_run: bool = False
) -> plt.Figure:
    """The curves of any set of runs, whether they count or not.

    Args:
        runs (pd.DataFrame): ``runs.csv``.
        patterns (Sequence[str]): Configs or run ids, with ``*`` and ``?``.
        folder (Path): ``results/curves``.
        per_run (bool): One line per run instead of one per config. Defaults to False.

    Returns:
        plt.Figure: mIoU, losses and free metrics.

    Raises:
        UserError: If a pattern names no run, or none of the runs has a curve.
    """
    runs = numeric(runs).sort_values(['config', 'seed', 'started', 'run_id'])
    chosen = pd.Series(False, index=runs.index)
    for pattern in patterns:
        found = runs[['config', 'run_id']].map(lambda name: fnmatchcase(name, pattern)).any(axis=1)  # noqa: B023
        if not found.any():
            raise UserError(
                f"--curves: no run or config '{pattern}' in runs.csv; it has "
                f'{", ".join(runs["config"].unique()[:3])} and others'
            )
        chosen |= found
    lines = []
    for name, members in runs[chosen].groupby('run_id' if per_run else 'config', sort=False):
        curves = [read_curve(run_id, folder) for run_id in members['run_id']]
        if not (curves := [curve for curve in curves if curve is not None]):
            continue
        number = len(lines)
        style = dict(
            color=COLOURS[number % len(COLOURS)],
            marker=MARKERS[number % len(MARKERS)],
            linestyle=LINES[number // len(COLOURS) % len(LINES)],
        )
        count = f'{len(curves)} runs' if len(curves) > 1 else '1 run'
        status = ', '.join(sorted(set(members['status']) - {'finished'}))
        label = ', '.join(filter(None, [name, '' if per_run else count, status]))
        lines.append((pd.concat(curves), label, style))
    if not lines:
        raise UserError(f'{folder} has no curve of these runs; gather them again')
    several = any(not label.endswith(', 1 run') for _, label, _ in lines) and not per_run
    title = 'mean over runs, band from lowest to highest' if several else ''
    return grid(title, panels_of([curve for curve, _, _ in lines]), lines, ncols=1)


def panels_of(curves: Sequence[pd.DataFrame]) -> list[str]:
    """The scalars to show that any of the curves has, in the order of :data:`PANELS`."""
    names = {name for curve in curves for name in curve if curve[name].notna().any()}
    shown: dict[str, None] = {}
    for pattern in PANELS:
        shown |= dict.fromkeys(name for name in sorted(names) if re.fullmatch(pattern, name))
    return list(shown)


def grid(title: str, names: list[str], lines: list[tuple], ncols: int = 2) -> plt.Figure:
    """Panels of scalars with one line per config and one legend below them all.

    Args:
        title (str): Of the figure.
        names (list[str]): The scalars.
        lines (list[tuple]): Curve, label and style (keywords of ``plot``) of each line.
        ncols (int): Columns of the legend. Defaults to 2.

    Returns:
        plt.Figure: The figure.
    """
    single = len(names) == 1
    columns = 1 if single else min(3, len(names))
    count = math.ceil(len(names) / columns)
    figure, grid_axes = plt.subplots(
        count,
        columns,
        figsize=(5.2, 3.2) if single else (3.0 * max(columns, 2), 2.1 * count + 0.6),
        squeeze=False,
        sharex=True,
        layout='constrained',
    )
    flat = list(grid_axes.flat)
    handles = {}
    for axes, name in zip(flat, names, strict=False):
        low, high = math.inf, -math.inf
        for number, (curve, label, style) in enumerate(lines):
            if name not in curve:
                continue
            low, high = min(low, curve[name].min()), max(high, curve[name].max())
            seeds = curve.dropna(subset=name).groupby('iter')[name].agg(['mean', 'min', 'max'])
            axes.fill_between(
                seeds.index, seeds['min'], seeds['max'], color=style['color'], alpha=0.18, lw=0
            )
            # markers of two lines lie beside each other
            every = max(1, len(seeds) // POINTS)
            (handles[label],) = axes.plot(
                seeds.index,
                seeds['mean'],
                lw=1.3,
                markersize=4,
                markevery=(number * every // max(len(lines), 1), every),
                **style,
            )
        if LOGARITHMIC.fullmatch(name) and 0 < WIDE * low < high:
            axes.set_yscale('log')
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
            axes.yaxis.set_major_formatter(StrMethodFormatter('{x:g}'))
            axes.yaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        if single:
            axes.set_ylabel('mIoU (%)' if name == 'mIoU' else name)
        else:
            axes.set_title('mIoU (%)' if name == 'mIoU' else name, loc='left')
    for axes in flat[len(names) :]:
        axes.remove()
    for number in range(max(len(names) - columns, 0), len(names)):  # the lowest of each column
        flat[number].set_xlabel('iteration')
        flat[number].tick_params(labelbottom=True)
        # above an empty place it need not push the last row down
        flat[number].xaxis.set_in_layout(number >= (count - 1) * columns)
    figure.suptitle(title, fontsize=9)
    figure.legend(list(handles.values()), list(handles), loc='outside lower center', ncols=ncols)
    return figure
