"""``leaderboard.md`` and the table on the terminal."""

import html
import re
from collections.abc import Sequence

import pandas as pd

from mmseg_plugins.results.cells import MEASURED, NO_CONFIG, TO_RUN
from mmseg_plugins.results.printable import printable
from mmseg_plugins.results.statistics import dataset_of, judge, paired_differences
from mmseg_plugins.results.tables import (
    DASH,
    DatasetTable,
    Entry,
    dataset_tables,
    duration,
    spread,
)

HEAD = """# Leaderboard

Written by `python tools/make_leaderboard.py`; do not edit. What each term means, how far a
reproduction may lie off and why: [README.md](README.md).

{summary}

- **mIoU** in percent on the validation set: mean ± sample standard deviation over seeds (n); *last*
  is the last validation of a run, *best* its best one, which is chosen on the validation set and
  therefore optimistic. Bold is the best of a benchmark and network where two or more are measured,
  *rank* its place there by last and by the paper's own selection.
- All seeds of a row share one labelled list, unless the benchmark has label seeds; the deviation
  does not include the choice of the list (the lists of shapes are stratified by class). Only runs
  that finished all iterations of their config count, the latest per config and seed.
- **Published** is the number of the same cell (benchmark, method, network), with its source in the
  footnote; *target* marks the numbers that the project sets out to reach. **Difference** is ours
  less theirs by the paper's own selection, **verdict** whether it is within the tolerance: ±0.6
  from 366 labels on, and 1.2 more for each halving below (±1.8 at 183, ±3 at 92). Where protocol
  fields differ there is no difference, and the footnote names them.
- **GPU hours** are those of one run. {gpu_hours} **Wall time** includes validation and whatever
  else ran on the machine.
"""
ESTIMATED = """Measured for a row with runs; ≈ marks an estimate from the throughput of the same
  method, network and crop, without validations; where nothing like it ran there is a dash."""
NOT_MEASURED = """No run on a GPU has been gathered yet, so there is nothing to
  estimate them from, and no column for them."""
MOST_EXCLUDED = 20
STATUSES = (MEASURED, TO_RUN, NO_CONFIG)
VERDICTS = ('within', 'below', 'above', 'not comparable')


def markdown(table: pd.DataFrame) -> str:
    """A Markdown table, also legible as text; its texts are escaped."""
    return _pipes(table.astype(str), table.astype(str).map(escape))


def _pipes(plain: pd.DataFrame, escaped: pd.DataFrame) -> str:
    """A Markdown table; columns whose plain texts are numbers or dashes stand to the right."""
    right = [plain[name].str.match(r'[-+−–≈\d]').all() for name in plain]
    sides = ['right' if is_right else 'left' for is_right in right]
    return escaped.to_markdown(index=False, disable_numparse=True, colalign=sides)


def escape(text: str) -> str:
    """A text as one line of Markdown that is shown as it stands: no tag, link, mark or column."""
    text = printable(re.sub(r'\s+', ' ', text))
    text = re.sub(r'([\\`*~$\[\]|])', r'\\\1', html.escape(text, quote=False))
    return re.sub(r'(?<![^\W_])_|_(?![^\W_])', r'\\_', text)


def _shown(entry: Entry) -> str:
    text = escape(entry.text)
    text = f'**{text}**' if entry.bold else text
    return f'{text} [{entry.note}]'.strip() if entry.note else text


def _dataset(table: DatasetTable) -> str:
    """The table of a data set with its footnotes and commands."""
    names = table.columns
    plain, shown = (
        pd.DataFrame([[show(row[name]) for name in names] for row in table.rows], columns=names)
        for show in (lambda entry: entry.text, _shown)
    )
    parts = [_pipes(plain, shown), '']
    parts += [f'- [{index}] {escape(note)}' for index, note in enumerate(table.notes, 1)]
    for status, head in (
        (MEASURED, 'Reproduce a row, all seeds that count'),
        (TO_RUN, 'Not run yet: one run of each, or of each label seed'),
    ):
        rows = table.cells[table.cells['status'] == status]
        if len(rows):
            text = '\n'.join(rows['command'])
            parts.append(_folded(f'{head} ({len(rows)})', f'```sh\n{text}\n```'))
    return '\n'.join(parts) + '\n'


def _folded(head: str, text: str) -> str:
    """A part that a reader opens; in plain text it stands there as it is."""
    return f'\n<details><summary>{html.escape(head)}</summary>\n\n{text}\n\n</details>'


def excluded_table(excluded: pd.DataFrame) -> pd.DataFrame:
    """The runs that do not count, from :func:`judge`, as text, with the reason of each.

    Of more than :data:`MOST_EXCLUDED` the latest.
    """
    excluded = excluded.sort_values('started', kind='stable')[-MOST_EXCLUDED:]
    pairs = zip(excluded['iters_done'], excluded['iters_planned'], strict=True)
    return pd.DataFrame(
        {
            'run': excluded['run_id'],
            'why': excluded['excluded'],
            'iterations': [f'{done:.0f} of {planned:.0f}' for done, planned in pairs],
            'mIoU last': [spread(value, float('nan'), 1) for value in excluded['miou_last']],
            'started': excluded['started'],
        }
    )


def paired_table(runs: pd.DataFrame, reference: str) -> str:
    """The paired differences to a config as Markdown, with a heading line."""
    pairs = paired_differences(runs, reference)
    table = pd.DataFrame(
        {
            **{name: pairs[name] for name in ('benchmark', 'method', 'network', 'config')},
            'n': pairs['n'],
            'mean': [_signed(value) for value in pairs['mean']],
            'std': [DASH if pd.isna(value) else f'{value:.2f}' for value in pairs['std']],
            'per seed': [
                ', '.join(f'{seed}: {value:+z.2f}' for seed, value in values.items()) or DASH
                for values in pairs['differences']
            ],
        }
    )
    head = f'Difference in mIoU last to `{escape(reference)}`, paired by seed'
    head += ' (same list family, network and crop)'
    return f'{head}:\n\n{markdown(table)}' if len(table) else f'{head}: no other config.'


def _signed(value: float) -> str:
    return DASH if pd.isna(value) else f'{value:+z.2f}'


def summary_table(cells: pd.DataFrame) -> str:
    """How many rows of each status and how many numbers to reach each data set has, in Markdown."""
    rows = []
    for dataset, members in [*cells.groupby('dataset'), ('together', cells)]:
        targets = members[members['target']].drop_duplicates('cell')
        measured = targets['status'] == MEASURED
        row = {
            'data set': dataset,
            **{status: (members['status'] == status).sum() for status in STATUSES},
            'numbers to reach': len(targets),
            **{word: (targets['verdict'] == word).sum() for word in VERDICTS},
            'open': len(targets) - measured.sum(),
        }
        rows.append({name: DASH if value == 0 else str(value) for name, value in row.items()})
    return markdown(pd.DataFrame(rows))


def leaderboard(cells: pd.DataFrame, runs: pd.DataFrame, paired: Sequence[str] = ()) -> str:
    """The leaderboard.

    Args:
        cells (pd.DataFrame): From :func:`cells.cell_table`.
        runs (pd.DataFrame): ``runs.csv``, for the runs that do not count and for the pairs.
        paired (Sequence[str]): Config stems; each adds a table of paired differences to it.
            Defaults to ().

    Returns:
        str: Markdown.
    """
    judged = judge(runs)
    excluded = judged[judged['excluded'] != '']
    excluded = excluded.assign(dataset=excluded['benchmark'].map(dataset_of))
    tables = {table.dataset: table for table in dataset_tables(cells)}
    on_gpu = cells['gpu_hours'].notna().any()
    gpu_hours = ESTIMATED if on_gpu else NOT_MEASURED
    parts = [HEAD.format(summary=summary_table(cells), gpu_hours=gpu_hours)]
    for dataset in sorted({*tables, *excluded['dataset']}):
        parts.append(f'## {escape(dataset)}\n')
        if dataset in tables:
            parts.append(_dataset(tables[dataset]))
        others = excluded[excluded['dataset'] == dataset]
        if len(others):
            head = f'Runs that do not count ({len(others)}'
            head += f', the latest {MOST_EXCLUDED})' if len(others) > MOST_EXCLUDED else ')'
            parts.append(_folded(head, markdown(excluded_table(others))) + '\n')
    if paired:
        parts.append('## Paired differences\n')
        parts += [paired_table(runs, reference) + '\n' for reference in paired]
    return '\n'.join(parts)


def terminal_table(cells: pd.DataFrame) -> str:
    """What was measured, in few columns, for the terminal.

    Args:
        cells (pd.DataFrame): From :func:`cells.cell_table`.

    Returns:
        str: A table; published numbers only where there are some.
    """
    rows = cells[cells['status'] == MEASURED].to_dict('records')
    table = pd.DataFrame(
        {
            'config': [row['config'] for row in rows],
            'benchmark': [row['benchmark'] for row in rows],
            'method': [row['method'] for row in rows],
            'mIoU last': [spread(row['last_mean'], row['last_std'], row['n']) for row in rows],
            'mIoU best': [spread(row['best_mean'], row['best_std'], row['n']) for row in rows],
            'published': [_general(row['published']) for row in rows],
            'difference': [_signed(row['difference']) for row in rows],
            'verdict': [row['verdict'] or DASH for row in rows],
            'iterations': [f'{row["iterations"]:.0f}' for row in rows],
            'wall time': [duration(row['wall_s']) for row in rows],
        }
    )
    if table['published'].eq(DASH).all():
        table = table.drop(columns=['published', 'difference', 'verdict'])
    return markdown(table)


def _general(value: float) -> str:
    return DASH if pd.isna(value) else f'{value:g}'
