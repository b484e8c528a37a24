"""Figures of trainings: mIoU and the logged scalars against the iteration."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.ticker import MaxNLocator

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.statistics import one_per_seed
from mmseg_plugins.results.table import curve_name

LINES = ('-', '--', ':', '-.')
NAMES = {'suponly': 'SupOnly', 'cutmix': 'CutMix', 'corrmatch': 'CorrMatch'}
# Scalars that say how a training went; anything else that was logged comes with "unsup" or "sup".
PANELS = ('loss', 'sup.', 'unsup.', 'mask_ratio', 'propagated_ratio', 'threshold')


def series_label(method: str, network: str, summary: pd.DataFrame) -> str:
    """The method, with the network where more than one is shown."""
    name = NAMES.get(method, method or 'no method')
    return f'{name}, {network}' if summary['network'].nunique() > 1 else name


def read_curves(runs: pd.DataFrame, rows: pd.DataFrame, folder: Path) -> dict[str, pd.DataFrame]:
    """The curves of the runs that count.

    Args:
        runs (pd.DataFrame): ``runs.csv``.
        rows (pd.DataFrame): The configs wanted, from :func:`summarise`.
        folder (Path): ``results/curves``.

    Returns:
        dict[str, pd.DataFrame]: Config to the rows of all its seeds; configs without a curve are
        left out.

    Raises:
        UserError: If a curve cannot be read.
    """
    counted = one_per_seed(runs)
    counted = counted[
        counted['config'].isin(rows['config']) & counted['benchmark'].isin(rows['benchmark'])
    ]
    curves: dict[str, list[pd.DataFrame]] = {}
    for _, run in counted.sort_values('seed').iterrows():
        path = folder / curve_name(run['run_id'])
        if not path.exists():
            continue
        try:
            # The stock model names its losses without the methods' prefix.
            curve = pd.read_csv(path).rename(
                columns=lambda name: re.sub(r'^decode\.', 'sup.decode.', name)
            )
            curve['iter'] = pd.to_numeric(curve['iter'], errors='raise')
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f'{path} is no curve: {error}; gather that run again') from error
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
        rows (pd.DataFrame): Its configs, from :func:`summarise`.
        curves (dict[str, pd.DataFrame]): From :func:`read_curves`.
        styles (dict[str, tuple[str, str]]): Colour and marker per method.

    Yields:
        tuple[plt.Figure, str]: Each figure and the name of its file.
    """
    lines = []
    rank: dict[str, int] = {}
    for _, row in rows[rows['config'].isin(curves)].iterrows():
        number = rank[row['method']] = rank.get(row['method'], -1) + 1
        seeds = f'{row["n"]} seeds' if row['n'] > 1 else '1 seed'
        label = f'{series_label(row["method"], row["network"], rows)}, {row["iterations"]:.0f} it.'
        style = {'color': styles[row['method']][0], 'linestyle': LINES[number % len(LINES)]}
        lines.append((curves[row['config']], f'{label}, {seeds}', style))
    names = {name for curve, _, _ in lines for name in curve if curve[name].notna().any()}
    panels = sorted(
        (name for name in names if name.startswith(PANELS)),
        key=lambda name: (next(i for i, p in enumerate(PANELS) if name.startswith(p)), name),
    )
    if 'mIoU' in names:
        yield grid(benchmark, ['mIoU'], lines), f'{benchmark}_miou'
    if panels:
        yield grid(benchmark, panels, lines), f'{benchmark}_training'


def grid(benchmark: str, names: list[str], lines: list[tuple]) -> plt.Figure:
    """Panels of scalars with one line per config and one legend below them all."""
    single = len(names) == 1
    columns = 1 if single else min(3, len(names))
    count = math.ceil(len(names) / columns)
    figure, grid_axes = plt.subplots(
        count,
        columns,
        figsize=(5.2, 3.2) if single else (3.0 * columns, 2.1 * count),
        squeeze=False,
        sharex=True,
        layout='constrained',
    )
    flat = list(grid_axes.flat)
    handles = {}
    for axes, name in zip(flat, names, strict=False):
        for curve, label, style in lines:
            if name not in curve:
                continue
            seeds = curve.dropna(subset=name).groupby('iter')[name].agg(['mean', 'min', 'max'])
            axes.fill_between(
                seeds.index, seeds['min'], seeds['max'], color=style['color'], alpha=0.18, lw=0
            )
            marker = 'o' if len(seeds) < 12 else None
            (handles[label],) = axes.plot(
                seeds.index, seeds['mean'], lw=1.4, marker=marker, markersize=2.5, **style
            )
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        if single:
            axes.set_ylabel('mIoU (%)' if name == 'mIoU' else name)
        else:
            axes.set_title(name, loc='left')
    for axes in flat[len(names) :]:
        axes.remove()
    for axes in flat[max(len(names) - columns, 0) : len(names)]:  # the lowest of each column
        axes.set_xlabel('iteration')
        axes.tick_params(labelbottom=True)
    several = any(not label.endswith(', 1 seed') for label in handles)
    band = ': mean over seeds, band from lowest to highest' if several else ''
    figure.suptitle(f'{benchmark}{band}', fontsize=9)
    figure.legend(
        list(handles.values()), list(handles), loc='outside lower center', ncols=1 if single else 2
    )
    return figure
