"""Read run folders: the record, the scalars, and what belongs together."""

import dataclasses
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from mmseg_plugins.errors import UserError

SCHEMA = 1
STATUSES = ('running', 'finished', 'failed', 'interrupted')
# key of run.json: the types that a reader relies on
KEYS: dict[str, tuple[type, ...]] = {
    'run_id': (str,),
    'config': (str,),
    'protocol': (dict,),
    'seed': (int, type(None)),
    'status': (str,),
    'iters_done': (int,),
    'iters_planned': (int,),
    'metrics': (dict,),
    'started': (str,),
    'updated': (str,),
}
# Fields of the protocol that are computed with, where they are stated.
PROTOCOL_NUMBERS = ('labelled_images', 'iterations')
# Scalars that are no curve: clocks, counters, and per-class values, which run.json holds.
NO_CURVE = ('time', 'data_time', 'memory', 'epoch', 'iter', 'step', 'base_lr')


class BrokenRunError(Exception):
    """A run folder that cannot be read; the message is the reason."""


@dataclasses.dataclass
class Run:
    """One run: a process start, or several when it was resumed.

    Attributes:
        folder (Path): The folder of ``run.json``; the latest one's when it was resumed.
        record (dict): The record as ``results/README.md`` defines it.
        curve (pd.DataFrame): Columns ``iter`` (finished iterations, ascending) and one per scalar.
        merged (tuple[str, ...]): The ``run_id`` of every record in it, in order.
    """

    folder: Path
    record: dict[str, Any]
    curve: pd.DataFrame
    merged: tuple[str, ...]


@dataclasses.dataclass
class Gathered:
    """What :func:`gather` found.

    Attributes:
        runs (list[Run]): Every readable run, resumed ones merged, one per ``run_id``.
        broken (list[tuple[Path, str]]): File and reason of each that is not.
        duplicates (list[tuple[str, Path, Path]]): ``run_id``, the folder that counts, the other.
    """

    runs: list[Run]
    broken: list[tuple[Path, str]]
    duplicates: list[tuple[str, Path, Path]]


def gather(
    roots: Iterable[str | Path], progress: Callable[[int, int], None] = lambda *_: None
) -> Gathered:
    """Read every run below some folders.

    Args:
        roots (Iterable[str | Path]): Folders; overlapping ones are read once.
        progress (Callable[[int, int], None]): Called with the number read and the number found.

    Returns:
        Gathered: Runs and broken ones.

    Raises:
        UserError: If a root is no folder, or none holds a run.
    """
    roots = [Path(root) for root in roots]
    paths: dict[Path, Path] = {}
    for root in roots:
        if not root.is_dir():
            raise UserError(f'{root} is not a folder; pass the --work-dir of some trainings')
        for folder, _, files in os.walk(root):
            if 'run.json' in files:
                path = Path(folder, 'run.json')
                paths.setdefault(path.resolve(), path)
    if not paths:
        raise UserError(
            f'no run.json below {", ".join(map(str, roots))}; pass the --work-dir of trainings '
            "whose config has custom_hooks=[dict(type='RunRecordHook')]"
        )
    found, broken = [], []
    for number, path in enumerate(sorted(paths.values()), 1):
        try:
            found.append(read_run(path))
        except BrokenRunError as error:
            broken.append((Path(error.args[1]), error.args[0]))
        progress(number, len(paths))
    merged = merge_resumed(found, broken)
    runs, duplicates = _one_per_id(merged)
    return Gathered(runs, broken, duplicates)


def read_run(path: Path) -> Run:
    """Read one run.

    Args:
        path (Path): A ``run.json``.

    Returns:
        Run: The run with its whole curve; an empty one when nothing was logged.

    Raises:
        BrokenRunError: With the reason and the file, if something cannot be read.
    """
    record = read_record(path)
    scalars = path.parent / 'vis_data' / 'scalars.json'
    curve = read_scalars(scalars) if scalars.exists() else pd.DataFrame({'iter': []}, dtype=int)
    return Run(path.parent, record, curve, (record['run_id'],))


def read_record(path: Path) -> dict[str, Any]:
    """Read and check a ``run.json``.

    Args:
        path (Path): The file.

    Returns:
        dict[str, Any]: The record.

    Raises:
        BrokenRunError: If it is truncated, newer, or lacks what a reader relies on.
    """
    try:
        record = json.loads(path.read_text(encoding='utf-8'), parse_constant=lambda _: None)
    except OSError as error:
        raise BrokenRunError(f'cannot be read: {error.strerror}', path) from error
    except ValueError as error:
        raise BrokenRunError(f'is truncated or not JSON: {error}', path) from error
    schema = record.get('schema') if isinstance(record, dict) else None
    if not isinstance(schema, int):
        raise BrokenRunError("is not a run record: it has no 'schema'", path)
    if schema > SCHEMA:
        raise BrokenRunError(
            f'has schema {schema}, newer than {SCHEMA}: update mmseg_plugins', path
        )
    if missing := [key for key in KEYS if key not in record]:
        raise BrokenRunError(f'lacks {", ".join(map(repr, missing))}', path)
    for key, types in KEYS.items():
        if not isinstance(record[key], types):
            raise BrokenRunError(f'has {key} = {record[key]!r}, expected {types[0].__name__}', path)
    if record['status'] not in STATUSES:
        raise BrokenRunError(
            f'has status = {record["status"]!r}, expected one of {", ".join(STATUSES)}', path
        )
    for key in PROTOCOL_NUMBERS:
        value = record['protocol'].get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float, type(None))):
            raise BrokenRunError(f'has protocol.{key} = {value!r}, expected a number', path)
    for which in ('last', 'best'):
        result = record['metrics'].get(which)
        valid = result is None or (
            isinstance(result, dict)
            and isinstance(result.get('iter'), int)
            and isinstance(result.get('mIoU'), (int, float, type(None)))
        )
        if not valid:
            raise BrokenRunError(
                f'has no valid result in metrics.{which}: {str(result)[:60]}', path
            )
    return record


def read_scalars(path: Path) -> pd.DataFrame:
    """Read the scalars that MMEngine logs: JSON lines, of training and of validation.

    Args:
        path (Path): A ``vis_data/scalars.json``.

    Returns:
        pd.DataFrame: One row per logged iteration: ``iter`` and one column per scalar; NaN where a
        scalar was not logged or was not finite.

    Raises:
        BrokenRunError: If a line is not JSON, which means that the file is truncated.
    """
    rows: dict[int, dict[str, float]] = {}
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except (OSError, ValueError) as error:
        raise BrokenRunError(f'cannot be read: {error}', path) from error
    for number, line in enumerate(lines, 1):
        try:
            scalars = json.loads(line, parse_constant=lambda _: None)
            row = rows.setdefault(int(scalars['step']), {})
        except (ValueError, TypeError, KeyError) as error:
            raise BrokenRunError(
                f'is truncated or not JSON lines: line {number} of {len(lines)} is {line[:40]!r}',
                path,
            ) from error
        row.update(
            (name, value)
            for name, value in scalars.items()
            if isinstance(value, (int, float)) and name not in NO_CURVE and name[:4] != 'IoU.'
        )
    curve = pd.DataFrame.from_dict(rows, orient='index', dtype=float)
    return curve.rename_axis('iter').sort_index().reset_index()


def merge_resumed(runs: list[Run], broken: list[tuple[Path, str]]) -> list[Run]:
    """Merge a resumed run with what it continues.

    A record continues another one when both lie in the same work dir, have the same config, seed
    and label seed, and it says ``resumed_from`` an iteration; it continues the latest one started
    before it. A run started anew in the same work dir is another run. A record that continues a
    run which cannot be read is broken itself: it is only the end of a run.

    Args:
        runs (list[Run]): One per record.
        broken (list[tuple[Path, str]]): File and reason of what could not be read; the records
            that continue such a run are appended.

    Returns:
        list[Run]: One per run, in the order of their first start. A merged run keeps the first
        ``run_id`` and start, has the latest status and last metrics, the best validation over all,
        the summed wall time and the greatest peak memory. What a process did beyond the checkpoint
        that the next one resumed from is dropped.
    """
    unreadable = {file.parent if file.name == 'run.json' else file.parents[1] for file, _ in broken}
    latest: dict[tuple, int] = {}
    merged: list[Run] = []
    for run in sorted(runs, key=lambda run: (run.record['started'], str(run.folder))):
        record = run.record
        key = (run.folder.parent, record['config'], record['seed'], record.get('label_seed'))
        before = merged[latest[key]].folder.name if key in latest else ''
        # Folders are named by their start, so the one in between is the one that was continued.
        if record.get('resumed_from') and any(
            folder.parent == run.folder.parent and before < folder.name < run.folder.name
            for folder in unreadable
        ):
            unreadable.add(run.folder)
            broken.append((run.folder / 'run.json', 'continues a run that cannot be read'))
        elif record.get('resumed_from') and key in latest:
            merged[latest[key]] = _continue(merged[latest[key]], run)
        else:
            latest[key] = len(merged)
            merged.append(run)
    return merged


def _continue(first: Run, second: Run) -> Run:
    """One run of a run and the one that continues it."""
    a, b, cut = first.record, second.record, second.record['resumed_from']
    kept = first.curve[first.curve['iter'] <= cut]
    results = [b['metrics'].get('best'), a['metrics'].get('best')]
    results = [r for r in results if r and (r['iter'] <= cut or r is results[0])]
    # The best so far may have come after the checkpoint: then the curve knows the one before.
    if 'mIoU' in kept and kept['mIoU'].notna().any():
        top = kept.loc[kept['mIoU'].idxmax()]
        results.append({'iter': int(top['iter']), 'mIoU': float(top['mIoU'])})
    best = max(results, key=lambda r: -1 if r['mIoU'] is None else r['mIoU'], default=None)
    # Resumed again before the first validation: the last one is still the earlier one's.
    last = b['metrics'].get('last')
    if last is None and a['metrics'].get('last') and a['metrics']['last']['iter'] <= cut:
        last = a['metrics']['last']
    record = {
        **b,
        'run_id': a['run_id'],
        'started': a['started'],
        'metrics': {'last': last, 'best': best},
        'wall_s': (a.get('wall_s') or 0) + (b.get('wall_s') or 0),
        'peak_mib': max(filter(None, (a.get('peak_mib'), b.get('peak_mib'))), default=None),
    }
    curve = pd.concat([c for c in (kept, second.curve) if len(c)] or [second.curve])
    return Run(second.folder, record, curve.reset_index(drop=True), first.merged + second.merged)


def _one_per_id(runs: list[Run]) -> tuple[list[Run], list[tuple[str, Path, Path]]]:
    """Copies of a run count once: the one updated last, the first folder among equals."""
    chosen: dict[str, Run] = {}
    duplicates = []
    for run in sorted(runs, key=lambda run: str(run.folder)):
        run_id = run.record['run_id']
        other = chosen.setdefault(run_id, run)
        if other is not run:
            if run.record['updated'] > other.record['updated']:
                chosen[run_id], run, other = run, other, run
            duplicates.append((run_id, other.folder, run.folder))
    return list(chosen.values()), duplicates
