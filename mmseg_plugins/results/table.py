"""``runs.csv``: one row per run, in a form that gives clean diffs."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.resumed import identity
from mmseg_plugins.results.run import Run

COLUMNS = (
    'run_id cell benchmark method network config seed label_seed status miou_last miou_best '
    'iter_best iters_done iters_planned iou_per_class world_size device images_per_s peak_mib '
    'wall_s commit dirty versions started ended protocol'
).split()
NUMBERS = (
    'seed miou_last miou_best iter_best iters_done iters_planned world_size images_per_s peak_mib '
    'wall_s'
).split()
IDENTITY = ['config', 'seed', 'label_seed', 'started']


def as_text(value: Any) -> str:
    """A value as it stands in ``runs.csv``: nothing for None, compact JSON for dicts."""
    if value is None:
        return ''
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f'{value:.6g}'
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(',', ':'))
    return str(value)


def values_of(run: Run) -> dict[str, Any]:
    """What :data:`COLUMNS` hold of a run, as numbers, texts, dicts and None.

    Args:
        run (Run): The run.

    Returns:
        dict[str, Any]: One value per column.
    """
    record, protocol = run.record, run.record['protocol']
    last, best = (record['metrics'].get(which) or {} for which in ('last', 'best'))
    row = {name: record.get(name) for name in COLUMNS} | {
        'cell': record.get('cell') or protocol.get('cell'),
        'benchmark': protocol.get('benchmark'),
        'method': protocol.get('method'),
        'network': protocol.get('network'),
        'miou_last': last.get('mIoU'),
        'miou_best': best.get('mIoU'),
        'iter_best': best.get('iter'),
        'iou_per_class': last.get('iou_per_class'),
    }
    return {name: row[name] for name in COLUMNS}


def to_row(run: Run) -> dict[str, str]:
    """The row of a run: :func:`values_of` as texts."""
    return {name: as_text(value) for name, value in values_of(run).items()}


def read_table(path: str | Path) -> pd.DataFrame:
    """Read ``runs.csv`` as text.

    Args:
        path (str | Path): The file; one that is missing is an empty table.

    Returns:
        pd.DataFrame: All columns of :data:`COLUMNS`, as text, so that writing it back changes
        nothing.

    Raises:
        UserError: If the file is not such a table.
    """
    csv.field_size_limit(2**31 - 1)  # a protocol is as long as it is
    try:
        with open(path, encoding='utf-8', newline='') as file:
            columns, *rows = list(csv.reader(file, strict=True)) or [[]]
    except (FileNotFoundError, NotADirectoryError):  # the second is told when it is written
        return pd.DataFrame(columns=COLUMNS, dtype=str)
    except (OSError, ValueError, csv.Error) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f'{path} cannot be read: {reason}; restore it or delete it') from error
    if columns != COLUMNS:
        odd = sorted(set(columns) ^ set(COLUMNS)) or ['their order']
        raise UserError(
            f'{path} has other columns than this version writes ({", ".join(odd)}); move it away '
            'and gather the runs again'
        )
    if odd := [row for row in rows if len(row) != len(COLUMNS)]:
        raise UserError(
            f'{path} has a row of {len(odd[0])} instead of {len(COLUMNS)} fields that begins with '
            f'{", ".join(odd[0])[:40]!r} (a merge conflict?); restore the file'
        )
    table = pd.DataFrame(rows, columns=COLUMNS, dtype=str)
    if (twice := table['run_id'].duplicated()).any():
        raise UserError(
            f'{path} has two rows of run_id {table["run_id"][twice.idxmax()]!r}; delete one'
        )
    return table


def split_claims(
    table: pd.DataFrame, runs: Iterable[Run]
) -> tuple[list[Run], list[tuple[Path, str]]]:
    """Tell apart the runs that may replace a row and those that claim the id of another run.

    Args:
        table (pd.DataFrame): The table as read.
        runs (Iterable[Run]): The runs.

    Returns:
        tuple[list[Run], list[tuple[Path, str]]]: The runs that may, and file and reason of each
        other, whose ``run_id`` has a row of another config, seed, label seed or start, or that was
        resumed under the ``run_id`` of another run's row.
    """
    known = {row[0]: list(row[1:]) for row in table[['run_id', *IDENTITY]].itertuples(index=False)}
    fit, broken = [], []
    for run in runs:
        claimed = [as_text(value) for value in identity(run.record)]
        # The starts that it was resumed by began later, and may have had rows of their own.
        compared = {run_id: 3 for run_id in run.merged} | {run.record['run_id']: 4}
        odd = [i for i, n in compared.items() if i in known and known[i][:n] != claimed[:n]]
        if odd:
            reason = f'claims the run_id {odd[0]!r}, which is another run in runs.csv; give it one'
            broken.append((run.folder / 'run.json', reason))
        else:
            fit.append(run)
    return fit, broken


def upsert(table: pd.DataFrame, runs: Iterable[Run]) -> pd.DataFrame:
    """Put runs into the table.

    Args:
        table (pd.DataFrame): The table as read.
        runs (Iterable[Run]): The runs; a row of the same ``run_id`` is replaced, and so are rows of
            records that have since been merged into one run.

    Returns:
        pd.DataFrame: The table, sorted by cell, config, seed and start.
    """
    runs = list(runs)
    replaced = {run_id for run in runs for run_id in run.merged}
    rows = pd.DataFrame([to_row(run) for run in runs], columns=COLUMNS, dtype=str)
    table = pd.concat([table[~table['run_id'].isin(replaced)], rows], ignore_index=True)
    order = table.assign(seed=pd.to_numeric(table['seed'], errors='coerce'))
    order = order.sort_values(['cell', 'config', 'seed', 'label_seed', 'started', 'run_id'])
    return table.loc[order.index].reset_index(drop=True)


def to_csv(table: pd.DataFrame) -> str:
    """A table as CSV text; numbers with six digits, quotes only where they are needed."""
    text = io.StringIO()
    table.to_csv(
        text, index=False, lineterminator='\n', float_format='%.6g', quoting=csv.QUOTE_MINIMAL
    )
    return text.getvalue()


def numeric(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its number columns as numbers; NaN where they are empty."""
    return table.assign(**{name: pd.to_numeric(table[name], errors='coerce') for name in NUMBERS})


def curve_name(run_id: str) -> str:
    """The file name of a run's curve: its ``run_id``, made safe where it is not already."""
    safe = re.sub(r'[^\w.+-]+', '-', run_id).strip('.')
    safe = safe.encode()[:200].decode(errors='ignore')  # file systems count bytes
    if safe != run_id:
        safe = f'{safe}-{hashlib.sha256(run_id.encode()).hexdigest()[:8]}'
    return f'{safe}.csv'
