"""Figures from ``runs.csv`` and the thinned curves; byte-stable as SVG and PNG."""

import io
import math
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import pandas as pd

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.atomic import write_atomic
from mmseg_plugins.results.published import PRESUMED
from mmseg_plugins.results.statistics import METHODS, dataset_of, one_per_seed, summarise
from mmseg_plugins.results.table import curve_name

matplotlib.use('Agg')
from matplotlib import pyplot as plt  # noqa: E402  (the backend comes first)
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator  # noqa: E402

# Okabe and Ito's colours, told apart by colour-blind readers; the marker repeats the method.
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000')
MARKERS = 'osD^vPX'
LINES = ('-', '--', ':', '-.')
NAMES = {'suponly': 'SupOnly', 'cutmix': 'CutMix', 'corrmatch': 'CorrMatch'}
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
# Scalars that say how a training went; anything else that was logged comes with "unsup" or "sup".
PANELS = ('loss', 'sup.', 'unsup.', 'mask_ratio', 'threshold')


def plot_all(runs: pd.DataFrame, published: pd.DataFrame, results: Path) -> list[Path]:
    """Draw every figure.

    Args:
        runs (pd.DataFrame): ``runs.csv``.
        published (pd.DataFrame): ``published.csv``.
        results (Path): The results folder; figures go to ``figures/`` in it.

    Returns:
        list[Path]: The files.

    Raises:
        UserError: If no run has finished.
    """
    summary = summarise(runs)
    if summary.empty:
        raise UserError(f'{results / "runs.csv"} has no finished run with a score: nothing to draw')
    styles = method_styles(summary)
    written = []
    with matplotlib.rc_context(STYLE):
        for dataset, rows in summary.groupby(summary['benchmark'].map(dataset_of)):
            if rows['labelled'].notna().any():
                figure = label_efficiency(rows.dropna(subset='labelled'), published, styles)
                written += save(figure, results / 'figures' / f'{dataset}_label_efficiency')
        for benchmark, rows in summary.groupby('benchmark'):
            curves = read_curves(runs, rows, results / 'curves')
            for figure, name in training_figures(benchmark, rows, curves, styles):
                written += save(figure, results / 'figures' / name)
    return written


def save(figure: plt.Figure, stem: Path) -> list[Path]:
    """Write a figure as SVG and PNG without dates and versions in it, and close it."""
    paths = []
    for suffix, metadata in (
        ('.svg', {'Date': None, 'Creator': None}),
        ('.png', {'Software': None}),
    ):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix[1:], metadata=metadata, bbox_inches='tight')
        paths.append(stem.with_name(stem.name.replace('/', '-') + suffix))
        write_atomic(paths[-1], buffer.getvalue())
    plt.close(figure)
    return paths


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
    same cells are hollow and without a line. Configs of one method and network that share a cell
    (a longer schedule) are series of their own.

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
    # Bars of several methods at one count would hide each other: shift them a little apart.
    for number, ((method, network, rank), rows) in enumerate(series):
        colour, marker = styles[method]
        shift = 1.025 ** (number - (len(series) - 1) / 2)
        label = series_label(method, network, summary)
        if rank > 1:
            label += f', {rows["iterations"].max():.0f} iterations'
        axes.errorbar(
            rows['labelled'] * shift,
            rows['last_mean'],
            yerr=rows['last_std'].fillna(0),
            color=colour,
            marker=marker,
            markersize=5,
            linestyle=LINES[int(rank - 1) % len(LINES)],
            linewidth=1.4,
            capsize=2.5,
            label=label,
        )
    theirs = published[
        published['cell'].isin(summary['cell']) & ~published['notes'].str.contains(PRESUMED)
    ].merge(summary[['cell', 'labelled']].drop_duplicates('cell'), on='cell')
    theirs = theirs.assign(
        method=theirs['cell'].str.split('/').str[1], network=theirs['cell'].str.split('/').str[2]
    )
    groups = theirs.groupby(['method', 'network'])
    for (method, network), rows in sorted(groups, key=lambda item: order.index(item[0][0])):
        colour, marker = styles[method]
        axes.plot(
            rows['labelled'],
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
    low, high = min(counts), max(counts)
    axes.set_xlim(low / 1.35, high * 1.35)
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
            curve = pd.read_csv(path)
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
    for axes in flat[(count - 1) * columns : len(names)]:
        axes.set_xlabel('iteration')
    several = any(not label.endswith(', 1 seed') for label in handles)
    band = ': mean over seeds, band from lowest to highest' if several else ''
    figure.suptitle(f'{benchmark}{band}', fontsize=9)
    figure.legend(
        list(handles.values()), list(handles), loc='outside lower center', ncols=1 if single else 2
    )
    return figure
