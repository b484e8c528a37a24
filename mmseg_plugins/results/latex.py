"""``leaderboard.tex``: the leaderboard for a paper, with booktabs and longtable."""

import re
import unicodedata

import pandas as pd

from mmseg_plugins.results.cells import MEASURED, NO_CONFIG
from mmseg_plugins.results.tables import DatasetTable, Entry, dataset_tables

HEAD = r"""% Written by tools/make_leaderboard.py; do not edit. In the preamble:
%   \usepackage{booktabs,longtable}
% Then \input this file. A comment below a row that is not run yet is its command.
\setlength\LTcapwidth{\linewidth}
"""
# column of the table: its head and side
HEADS = {
    'benchmark': ('Benchmark', 'l'),
    'method': ('Method', 'l'),
    'network': ('Network', 'l'),
    'iterations': ('Iterations', 'r'),
    'config': ('Config', 'l'),
    'mIoU last': ('mIoU last', 'r'),
    'mIoU best': ('mIoU best', 'r'),
    'rank last, own': ('Rank last, own', 'r'),
    'published': ('Published', 'r'),
    'difference': ('Difference', 'r'),
    'verdict': ('Verdict', 'l'),
    'GPU hours': ('GPU hours', 'r'),
}
SPECIAL = {
    '\\': r'\textbackslash{}',
    '{': r'\{',
    '}': r'\}',
    '$': r'\$',
    '&': r'\&',
    '#': r'\#',
    '%': r'\%',
    '_': r'\_',
    '^': r'\textasciicircum{}',
    '~': r'\textasciitilde{}',
    '<': r'\textless{}',
    '>': r'\textgreater{}',
    '|': r'\textbar{}',
    '"': r'{\char34}',
    "'": r'\textquotesingle{}',
    '`': r'\textasciigrave{}',
    '±': r'$\pm$',
    '≈': r'$\approx$',
    '–': '--',
}


def escape(text: str) -> str:
    """A text as one line of LaTeX that any engine sets as it stands.

    Letters of the Latin alphabet keep their accents; every other character that is not ASCII
    becomes its code point, as ``[U+4E2D]``.
    """
    text = unicodedata.normalize('NFC', re.sub(r'\s+', ' ', text))
    return ''.join(map(_escape_character, text))


def _escape_character(character: str) -> str:
    if character in SPECIAL:
        return SPECIAL[character]
    if ' ' <= character < '\x7f' or '\xc0' <= character <= '\xff' and character not in '×÷':
        return character
    return f'[U+{ord(character):04X}]'


def _shown(entry: Entry) -> str:
    text = escape(entry.text)
    text = rf'\textbf{{{text}}}' if entry.bold else text
    return rf'{text}\textsuperscript{{[{entry.note}]}}' if entry.note else text


def _dataset(table: DatasetTable) -> str:
    """The longtable of a data set and its footnotes."""
    columns = [name for name in table.columns if name in HEADS]
    shown = {note for row in table.rows for name in columns if (note := row[name].note)}
    lines = [
        r'\begin{longtable}{' + ''.join(HEADS[name][1] for name in columns) + '}',
        rf'\caption{{Results on {escape(table.dataset)}: mIoU in percent, mean $\pm$ sample '
        r'standard deviation over (n) runs.}\\',
        r'\toprule',
        ' & '.join(HEADS[name][0] for name in columns) + r' \\',
        r'\midrule',
        r'\endhead',
        r'\bottomrule',
        r'\endlastfoot',
    ]
    for row, cell in zip(table.rows, table.cells.to_dict('records'), strict=True):
        lines.append(' & '.join(_shown(row[name]) for name in columns) + r' \\')
        if cell['status'] not in (MEASURED, NO_CONFIG):
            lines.append(f'% {cell["command"]}')
    lines.append(r'\end{longtable}')
    if shown:
        lines.append(r'\noindent{\footnotesize')
        lines += [
            rf'\textsuperscript{{[{index}]}} {escape(note)}.\par'
            for index, note in enumerate(table.notes, 1)
            if index in shown
        ]
        lines.append('}')
    return '\n'.join(lines) + '\n'


def latex(cells: pd.DataFrame) -> str:
    """The leaderboard as LaTeX.

    Args:
        cells (pd.DataFrame): From :func:`cells.cell_table`.

    Returns:
        str: One longtable per data set, without a preamble.
    """
    return '\n'.join([HEAD, *map(_dataset, dataset_tables(cells))])
