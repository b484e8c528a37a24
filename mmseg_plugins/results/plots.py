"""All figures from ``runs.csv``, the thinned curves and the published numbers."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from mmseg_plugins.errors import UserError
from mmseg_plugins.matrix import Leaf
from mmseg_plugins.results.agreement_plots import agreement, comparable
from mmseg_plugins.results.cells import cell_table
from mmseg_plugins.results.class_plots import class_heat_map, class_table
from mmseg_plugins.results.efficiency_plots import label_efficiency
from mmseg_plugins.results.statistics import one_per_seed
from mmseg_plugins.results.style import FORMATS, drawing, method_styles, plt, render
from mmseg_plugins.results.table import curve_name
from mmseg_plugins.results.training_plots import read_curves, training_figures

NONE_COMPARABLE = 'ours against published is not drawn: no cell has both and compares'


def draw_all(
    runs: pd.DataFrame,
    published: pd.DataFrame,
    leaves: Sequence[Leaf],
    results: Path,
    formats: Sequence[str] = tuple(FORMATS),
) -> tuple[dict[Path, bytes], list[str]]:
    """Draw every figure; nothing is written.

    Args:
        runs (pd.DataFrame): ``runs.csv``.
        published (pd.DataFrame): ``published.csv``.
        leaves (Sequence[Leaf]): The config matrix; says which benchmarks have all images labelled.
        results (Path): The results folder: curves are read from it, figures belong to it.
        formats (Sequence[str]): Suffixes of the files. Defaults to ``('.svg', '.png')``.

    Returns:
        tuple[dict[Path, bytes], list[str]]: The files in ``figures/`` with their contents, and a
        line for each figure that has nothing to show.

    Raises:
        UserError: If no run has finished, or a curve cannot be read.
    """
    cells = cell_table(runs, published, leaves)
    if not (cells['n'] > 0).any():
        raise UserError(f'{results / "runs.csv"} has no finished run with a score: nothing to draw')
    full = {
        leaf.protocol['benchmark']
        for leaf in leaves
        if leaf.protocol['labelled_images'] == leaf.settings['images']
    }
    files: dict[Path, bytes] = {}
    with drawing():
        for figure, name in figures(runs, cells, full, results / 'curves'):
            safe = curve_name(name).removesuffix('.csv')
            for suffix, content in render(figure, formats).items():
                files[results / 'figures' / f'{safe}{suffix}'] = content
    return files, [] if len(comparable(cells)) else [NONE_COMPARABLE]


def figures(
    runs: pd.DataFrame, cells: pd.DataFrame, full: set[str], curves: Path
) -> Iterator[tuple[plt.Figure, str]]:
    """The figures, one after another.

    Args:
        runs (pd.DataFrame): ``runs.csv``.
        cells (pd.DataFrame): From :func:`cells.cell_table`.
        full (set[str]): Benchmarks in which all images are labelled.
        curves (Path): ``results/curves``.

    Yields:
        tuple[plt.Figure, str]: Each figure and the name of its files.
    """
    styles = method_styles(cells['method'])
    measured = cells[cells['n'] > 0]
    counted = one_per_seed(runs)
    if len(comparable(cells)):
        yield agreement(cells, styles), 'ours_against_published'
    for dataset, rows in measured.groupby('dataset'):
        if rows['labelled'].notna().any():
            of_dataset = cells[cells['dataset'] == dataset]
            yield label_efficiency(of_dataset, styles, full), f'{dataset}_label_efficiency'
        for benchmark, members in rows.groupby('benchmark'):
            # SupOnly with all labels closes the map of each other benchmark of its family
            reference = rows[
                rows['benchmark'].isin(full - {benchmark})
                & (rows['family'] == members['family'].iloc[0])
                & (rows['method'] == 'suponly')
            ]
            shown = members if benchmark in full else pd.concat([members, reference])
            scores = class_table(counted, shown)
            if len(scores.index.intersection(members.index)):
                yield class_heat_map(benchmark, shown, scores), f'{benchmark}_classes'
            lines = read_curves(counted, members, curves)
            yield from training_figures(benchmark, members, lines, styles)
