"""The tables of the leaderboard, one per data set, before they become Markdown or LaTeX."""

from dataclasses import dataclass, field

import pandas as pd

from mmseg_plugins.results.cells import MEASURED

DASH = '–'
COLUMNS = [
    *'benchmark method network iterations config'.split(),
    *'mIoU last|mIoU best|rank last, own|published|difference|verdict'.split('|'),
    *'GPU hours|wall time|protocol'.split('|'),
]
# What tells two rows apart; where it does not, their table shows the config too.
NAMES = ['benchmark', 'method', 'network', 'iterations']
# What a reader needs to judge a difference, beside the batch.
PROTOCOL = (
    'crop labelled_batch unlabelled_batch gpus epochs eval_mode predict_on selection '
    'cutmix_partner speed setting'
).split()


@dataclass
class Entry:
    """One entry of a table: a text that is not yet escaped.

    Attributes:
        text (str): What stands there.
        bold (bool): Whether it is the best of its group. Defaults to False.
        note (int | None): The number of its footnote. Defaults to None.
    """

    text: str
    bold: bool = False
    note: int | None = None

    @property
    def says(self) -> bool:
        """Whether it is more than a dash."""
        return self.text != DASH or self.note is not None


@dataclass
class DatasetTable:
    """The table of a data set.

    Attributes:
        dataset (str): Its name.
        rows (list[dict[str, Entry]]): One entry per column of :data:`COLUMNS`.
        cells (pd.DataFrame): The rows of :func:`cells.cell_table` that they show, in their order.
        notes (list[str]): The footnotes, from 1 on; not yet escaped.
    """

    dataset: str
    rows: list[dict[str, Entry]]
    cells: pd.DataFrame
    notes: list[str] = field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        """The columns of :data:`COLUMNS` in which a row has something to say."""
        says = {name for row in self.rows for name, entry in row.items() if entry.says}
        if not self.cells[self.cells['config'] != ''].duplicated(NAMES).any():
            says -= {'config'}
        return [name for name in COLUMNS if name in says]


def dataset_tables(cells: pd.DataFrame) -> list[DatasetTable]:
    """The tables of all data sets, by name.

    Args:
        cells (pd.DataFrame): From :func:`cells.cell_table`.

    Returns:
        list[DatasetTable]: The best last and the best best of each benchmark and network are bold
        and have a rank where at least two rows compete.
    """
    tables = []
    for dataset, members in cells.groupby('dataset'):
        table = DatasetTable(dataset, [], members)
        best = {
            (name, group): values.max()
            for name in ('last_mean', 'best_mean')
            for group, values in members.groupby(['benchmark', 'network'])[name]
            if values.count() > 1
        }
        for cell in members.to_dict('records'):
            table.rows.append(_entries(cell, best, table.notes))
        tables.append(table)
    return tables


def _entries(cell: dict, best: dict, notes: list[str]) -> dict[str, Entry]:
    """The entries of one row, without those that are empty."""
    group = (cell['benchmark'], cell['network'])
    measured = cell['status'] == MEASURED
    row = {
        'benchmark': Entry(cell['benchmark']),
        'method': Entry(cell['method']),
        'network': Entry(cell['network']),
        'config': Entry(cell['config'] or DASH),
        'iterations': Entry(number(cell['iterations'])),
        'mIoU last': Entry(cell['status']),
        'mIoU best': Entry(DASH),
        'rank last, own': Entry(DASH),
        'published': Entry(DASH),
        'difference': Entry(DASH),
        'verdict': Entry(DASH),
        'GPU hours': Entry(hours(cell['gpu_hours'], measured)),
        'wall time': Entry(duration(cell['wall_s'])),
        'protocol': Entry(DASH),
    }
    if measured:
        for which in ('last', 'best'):
            mean = cell[f'{which}_mean']
            text = spread(mean, cell[f'{which}_std'], cell['n'])
            is_best = mean == best.get((f'{which}_mean', group))
            row[f'mIoU {which}'] = Entry(text, bold=is_best)
        if ('last_mean', group) in best:
            row['rank last, own'] = Entry(f'{cell["rank_last"]:.0f}, {cell["rank_own"]:.0f}')
        row['protocol'].note = _note(protocol_note(cell['protocol'], cell['device']), notes)
        row['protocol'].text = ''
    if cell['published'] == cell['published']:
        text = f'{cell["published"]:g}' + (' (target)' if cell['target'] else '')
        row['published'] = Entry(text, note=_note(published_note(cell), notes))
    if cell['difference'] == cell['difference']:
        row['difference'] = Entry(f'{cell["difference"]:+z.2f} ({cell["rule"]})')
    if cell['verdict']:
        within = cell['verdict'] != 'not comparable'
        row['verdict'] = Entry(
            f'{cell["verdict"]} ±{cell["tolerance"]:g}' if within else 'not comparable',
            note=None if within else row['published'].note,
        )
    return row


def _note(note: str, notes: list[str]) -> int:
    if note not in notes:
        notes.append(note)
    return notes.index(note) + 1


def published_note(cell: dict) -> str:
    """Where a published number was read, and what differs."""
    note = f'{cell["published_source"]} ({cell["published_evidence"]})'
    if cell['reason']:
        note += f'. Not comparable, because of {cell["reason"]}'
    if cell['deviations']:
        note += f'. Deviations: {cell["deviations"]}'
    if cell['published_range'] not in ('', f'{cell["published"]:g}'):
        note += f'. All published rows of this cell that rank: {cell["published_range"]}'
    return note


def protocol_note(protocol: dict, device: str) -> str:
    """What a row was trained and scored with, as a footnote."""
    stated = [
        f'{key.replace("_", " ")} {protocol[key]:g}'
        if isinstance(protocol[key], float)
        else f'{key.replace("_", " ")} {protocol[key]}'
        for key in PROTOCOL
        if protocol.get(key) is not None
    ]
    return '; '.join([*stated, f'device {device or "unknown"}'])


def number(value: float) -> str:
    """A count; a dash where it is not known."""
    return DASH if pd.isna(value) else f'{value:.0f}'


def spread(mean: float, std: float, n: int) -> str:
    """``54.32 ± 1.20 (3)``; a single run has no deviation, a missing mean is a dash."""
    if pd.isna(mean):
        return DASH
    return f'{mean:.2f} ({n})' if pd.isna(std) else f'{mean:.2f} ± {std:.2f} ({n})'


def hours(value: float, measured: bool) -> str:
    """GPU hours of one run; an estimate is marked, what is not known is a dash."""
    if pd.isna(value):
        return DASH
    return f'{"" if measured else "≈"}{value:.3g}'


def duration(seconds: float) -> str:
    """``1 h 02 min``, ``3 min 20 s``; a dash when it is not known."""
    if pd.isna(seconds):
        return DASH
    minutes, rest = divmod(round(seconds), 60)
    whole, minutes = divmod(minutes, 60)
    return f'{whole} h {minutes:02d} min' if whole else f'{minutes} min {rest:02d} s'
