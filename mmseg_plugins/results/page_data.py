"""The data inside ``index.html``: compact, safe to embed, and bounded in size."""

import json
import math
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pandas as pd

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.json_safe import json_safe
from mmseg_plugins.results.page_curves import read_curve
from mmseg_plugins.results.page_encoding import Strings, encode, table
from mmseg_plugins.results.page_rows import (
    CELL_NUMBERS,
    CELL_TEXTS,
    CONFIG,
    IN_ROW,
    PUBLISHED_NUMBERS,
    PUBLISHED_TEXTS,
    RUN_NUMBERS,
    RUN_TEXTS,
    class_means,
    protocol_table,
    published_rows,
    run_row,
    variant_names,
)
from mmseg_plugins.results.statistics import judge
from mmseg_plugins.results.table import curve_name


def page_data(
    cells: pd.DataFrame,
    runs: pd.DataFrame,
    published: pd.DataFrame,
    curves: str | Path | None,
    size: int,
    max_curves: int,
    points: int,
) -> str:
    """Everything that the page shows, as JSON that may stand in a script element.

    Where all runs and curves do not fit, every row keeps its means, the room is shared out among
    the rows, and each says how many of its runs are left out.

    Args:
        cells (pd.DataFrame): From :func:`cells.cell_table`.
        runs (pd.DataFrame): ``runs.csv``.
        published (pd.DataFrame): The published table.
        curves (str | Path | None): The folder of the thinned curves; None for no curves.
        size (int): How many bytes it may have.
        max_curves (int): How many curves are read at most.
        points (int): To how many points each scalar of a run is thinned.

    Returns:
        str: JSON, ASCII, without ``<``, ``>`` and ``&``.

    Raises:
        UserError: If a curve or a column of ``runs.csv`` cannot be read, or the rows alone are
            larger than ``size``.
    """
    records = cells.to_dict('records')
    shown = _by_row(judge(runs).to_dict('records'), records)
    fixed = _rows(records, shown)
    families = dict(zip(cells['benchmark'], cells['family'], strict=True))
    papers = list(published_rows(published, families))
    total = len(shown)
    data, run_bytes = _tables(fixed, papers, shown, total)
    text = encode(data)
    while len(text) > size and shown:
        # A tenth of the room is left, as runs differ in length and share texts.
        share = 0.9 * (size - len(text) + run_bytes) / run_bytes
        kept = sorted(_in_turn(shown)[: max(0, int(share * len(shown)))])
        shown = [shown[index] for index in kept]
        data, run_bytes = _tables(fixed, papers, shown, total)
        text = encode(data)
    if len(text) > size:
        raise UserError(
            f'the page would have {len(text) / 1e6:.1f} MB without a single run, more than '
            f'{size / 1e6:.1f}; gather fewer configs into one results folder (--out)'
        )
    if curves is not None:
        room = size - len(text)
        paths = {path.name: path for path in Path(curves).glob('*.csv')}
        names = {index: curve_name(run['run_id']) for index, (_, run) in enumerate(shown)}
        drawn = [i for i in _in_turn(shown) if shown[i][0] is not None and names[i] in paths]
        for index in drawn[:max_curves]:
            curve = read_curve(paths[names[index]], points)
            room -= len(encode(curve)) + 12
            if room < 0:
                break
            if curve:
                data['curves'][index] = curve
    return encode(data)


def _by_row(runs: list[dict], cells: list[dict]) -> list[tuple[int | None, dict]]:
    """Each run with the number of its row: by row, those that count first; those without last."""
    rows = {(cell['cell'], cell['config']): number for number, cell in enumerate(cells)}
    order = ('seed', 'label_seed', 'started', 'run_id')
    found = [(rows.get((run['cell'], run['config'])), run) for run in runs]
    return sorted(
        found,
        key=lambda pair: (
            len(cells) if pair[0] is None else pair[0],
            pair[1]['excluded'] != '',
            *(_sortable(pair[1][name]) for name in order),
        ),
    )


def _sortable(value: Any) -> tuple:
    return (isinstance(value, str), math.inf if value != value else value)


def _in_turn(shown: list[tuple[int | None, dict]]) -> list[int]:
    """Numbers of runs: the first of every row, then the second of every row, and so on."""
    seen: Counter = Counter()
    turns = []
    for index, (row, _) in enumerate(shown):
        turns.append((seen[row], index))
        seen[row] += 1
    return [index for _, index in sorted(turns)]


def _rows(
    cells: list[dict], shown: list[tuple[int | None, dict]]
) -> tuple[list[dict], dict, dict, dict]:
    """The rows of the page; their IoU by row; and the numbers of protocols and class lists."""
    protocols, classes = {}, {}
    variants = variant_names(cells)
    counting: dict[int, list[dict]] = defaultdict(list)
    for index, run in shown:
        if index is not None and not run['excluded']:
            counting[index].append(run)
    rows, ious = [], {}
    for index, cell in enumerate(cells):
        fields = {key: value for key, value in cell['protocol'].items() if key not in IN_ROW}
        protocol = json.dumps(json_safe(fields), sort_keys=True)
        hours = cell['gpu_hours']
        rows.append(
            {
                **cell,
                'variant': variants.get(index),
                'command': (cell['command'] or '').replace(cell['config'] or CONFIG, CONFIG),
                'seeds': ', '.join(map(str, cell['seeds'])),
                'target': 1 if cell['target'] else None,
                'gpu_hours': None if math.isnan(hours) else f'{hours:.2g}',
                'protocol': protocols.setdefault(protocol, len(protocols)) if fields else None,
                'runs': 0,
            }
        )
        names, means, stds = class_means(counting[index])
        if names:
            ious[index] = [classes.setdefault(names, len(classes)), means, stds]
    for index, _ in shown:
        if index is not None:
            rows[index]['runs'] += 1
    return rows, ious, protocols, classes


def _tables(
    fixed: tuple[list[dict], dict, dict, dict],
    papers: list[dict],
    shown: list[tuple[int | None, dict]],
    total: int,
) -> tuple[dict, int]:
    """All but the curves, with these runs of ``total``; and the bytes of the runs."""
    rows, ious, protocols, classes = fixed
    counts = Counter(row for row, _ in shown)
    left = [row['runs'] - counts[index] for index, row in enumerate(rows)]
    rows = [{**row, 'runs_left': n or None} for row, n in zip(rows, left, strict=True)]
    strings = Strings()
    data = {
        'cells': table(rows, CELL_TEXTS, CELL_NUMBERS, strings),
        'protocols': protocol_table(list(protocols), strings),
        'ious': ious,
        'classes': [list(names) for names in classes],
        'published': table(papers, PUBLISHED_TEXTS, PUBLISHED_NUMBERS, strings),
    }
    shared = len(strings.numbers)
    runs = [run_row(index, run, rows) for index, run in shown]
    data['runs'] = table(runs, RUN_TEXTS, RUN_NUMBERS, strings)
    data['strings'] = list(strings.numbers)
    data['others'] = total - sum(row['runs'] for row in rows)
    data['curves'] = {}
    return data, len(encode({'runs': data['runs'], 'strings': data['strings'][shared:]}))
