"""All files of the leaderboard from one table of cells."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mmseg_plugins.matrix import Leaf
from mmseg_plugins.results.cells import cell_table
from mmseg_plugins.results.latex import latex
from mmseg_plugins.results.leaderboard import leaderboard
from mmseg_plugins.results.printable import printable
from mmseg_plugins.results.statistics import judge, paired_references
from mmseg_plugins.results.table import to_csv

# Columns of cells that leaderboard.csv leaves to runs.csv and published.csv.
LEFT_OUT = ('protocol', 'published_notes')
# What a spreadsheet would take for a formula.
FORMULA = re.compile(r'^[=+@\t-]')


def leaderboard_files(
    runs: pd.DataFrame,
    published: pd.DataFrame,
    leaves: Sequence[Leaf] | None = None,
    paired: Sequence[str] = (),
) -> dict[str, str]:
    """The leaderboard in its three forms.

    Args:
        runs (pd.DataFrame): ``runs.csv``.
        published (pd.DataFrame): ``published.csv``.
        leaves (Sequence[Leaf], optional): The config matrix, which adds what is not run yet.
            Defaults to None.
        paired (Sequence[str]): Config stems to which paired differences are given beside those of
            :func:`statistics.paired_references`. Defaults to ().

    Returns:
        dict[str, str]: ``leaderboard.md``, ``leaderboard.tex`` and ``leaderboard.csv`` with their
        texts; the same input gives the same bytes.
    """
    runs = judge(runs)
    cells = cell_table(runs, published, leaves)
    known = {Path(leaf.name).stem for leaf in leaves or ()}
    references = list(dict.fromkeys([*paired_references(runs, known), *paired]))
    return {
        'leaderboard.md': leaderboard(cells, runs, references),
        'leaderboard.tex': latex(cells),
        'leaderboard.csv': cells_csv(cells),
    }


def cells_csv(cells: pd.DataFrame) -> str:
    """The table of cells as CSV text, each row one line.

    Args:
        cells (pd.DataFrame): From :func:`cells.cell_table`.

    Returns:
        str: Its columns without :data:`LEFT_OUT`; lists are separated by blanks, and a text that a
        spreadsheet would take for a formula has an apostrophe before it.
    """
    table = cells.drop(columns=list(LEFT_OUT))
    for name in ('seeds', 'label_seeds'):
        table[name] = [' '.join(map(str, values)) for values in table[name]]
    for name in ('in_matrix', 'target', 'published_ranks'):
        table[name] = table[name].map({True: 'true', False: 'false'})
    return to_csv(table.map(_plain))


def _plain(value):
    if not isinstance(value, str):
        return value
    text = printable(re.sub(r'\s+', ' ', value))
    return f"'{text}" if FORMULA.match(text) else text
