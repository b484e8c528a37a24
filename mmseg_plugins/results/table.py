"""``runs.csv``: one row per run, in a form that gives clean diffs."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.runs import Run

COLUMNS = (
    'run_id cell benchmark method network config seed label_seed status miou_last miou_best '
    'iter_best iters_done iters_planned iou_per_class world_size device images_per_s peak_mib '
    'wall_s commit dirty versions started ended protocol'
).split()
NUMBERS = (
    'seed miou_last miou_best iter_best iters_done iters_planned world_size images_per_s peak_mib '
    'wall_s'
).split()
FIRST_SCALARS = ('iter', 'mIoU', 'mAcc', 'aAcc', 'loss')


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


def to_row(run: Run) -> dict[str, str]:
    """The row of a run.

    Args:
        run (Run): The run.

    Returns:
        dict[str, str]: One text per column of :data:`COLUMNS`.
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
    return {name: as_text(row[name]) for name in COLUMNS}


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
    path = Path(path)
    if not path.exists():
        return pd.DataFrame(columns=COLUMNS, dtype=str)
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding='utf-8')
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f'{path} cannot be read: {reason}; restore it or delete it') from error
    if list(table.columns) != COLUMNS:
        odd = sorted(set(table.columns) ^ set(COLUMNS)) or ['their order']
        raise UserError(
            f'{path} has other columns than this version writes ({", ".join(odd)}); move it away '
            'and gather the runs again'
        )
    return table


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


def thin(curve: pd.DataFrame, points: int = 200) -> pd.DataFrame:
    """Thin a curve for keeping.

    Args:
        curve (pd.DataFrame): ``iter`` and scalars, as :attr:`Run.curve`.
        points (int): About how many training rows, and how many validation rows, are kept: evenly
            spaced, always with the first and the last. Defaults to 200.

    Returns:
        pd.DataFrame: The thinned curve, well-known scalars first.
    """
    is_val = curve['mIoU'].notna() if 'mIoU' in curve else pd.Series(False, index=curve.index)
    kept: set[int] = set()
    for index in (curve.index[is_val], curve.index[~is_val]):
        chosen = np.linspace(0, len(index) - 1, min(points, len(index))).round().astype(int)
        kept.update(index[chosen])
    names = [name for name in FIRST_SCALARS if name in curve]
    names += sorted(set(curve.columns) - set(names))
    return curve.loc[sorted(kept), names].astype({'iter': int})


def curve_name(run_id: str) -> str:
    """The file name of a run's curve: its ``run_id``, made safe where it is not already."""
    safe = re.sub(r'[^\w.+-]+', '-', run_id).strip('.')[:200]
    if safe != run_id:
        safe = f'{safe}-{hashlib.sha256(run_id.encode()).hexdigest()[:8]}'
    return f'{safe}.csv'
