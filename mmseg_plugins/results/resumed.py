"""Which records are one run: starts that continue each other, and copies."""

import math
import os
from pathlib import Path
from typing import Any

from mmseg_plugins.results.run import Run

Problems = list[tuple[Path, str]]


def merge_resumed(runs: list[Run], broken: Problems) -> list[Run]:
    """Merge a resumed run with what it continues.

    A record continues another one when both lie in the same work dir, have the same config, seed
    and label seed, and it says ``resumed_from`` an iteration; it continues the latest one started
    before it that may have come that far: one that failed before, or was interrupted, has left no
    such checkpoint. A run started anew in the same work dir is another run. A record that continues
    a run which cannot be read is broken itself: it is only the end of a run.

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
    unreadable: dict[str, set[Path]] = {}
    for file, _ in broken:
        # The start it belongs to: a file of it, a file of its vis_data, or the folder itself.
        start = file.parent if file.name in ('run.json', 'config.py', 'scalars.json') else file
        folder = start.parent if start.name == 'vis_data' else start
        unreadable.setdefault(_work_dir(folder), set()).add(folder)
    latest: dict[tuple, list[int]] = {}
    merged: list[Run] = []
    for run in sorted(runs, key=lambda run: (run.record['started'], str(run.folder))):
        record, work_dir = run.record, _work_dir(run.folder)
        key = (work_dir, record['config'], record['seed'], record.get('label_seed'))
        starts, cut = latest.setdefault(key, []), record.get('resumed_from')
        first = next((n for n in reversed(starts) if cut and _reached(merged[n].record, cut)), None)
        before = '' if first is None else merged[first].folder.name
        # Folders are named by their start, so the one in between is the one that was continued.
        if cut and any(
            before < folder.name < run.folder.name for folder in unreadable.get(work_dir, ())
        ):
            unreadable[work_dir].add(run.folder)
            broken.append((run.folder / 'run.json', 'continues a run that cannot be read'))
        elif first is not None:
            merged[first] = _continue(merged[first], run)
        else:
            starts.append(len(merged))
            merged.append(run)
    return merged


def _reached(record: dict[str, Any], cut: int) -> bool:
    """Whether a start may have left a checkpoint at an iteration. Only a record that was closed
    knows exactly how far it came; one that still says running may have come further."""
    return record['iters_done'] >= cut or record['status'] not in ('failed', 'interrupted')


def _work_dir(folder: Path) -> str:
    """The same for every spelling of it."""
    return os.path.realpath(folder.parent)


def _continue(first: Run, second: Run) -> Run:
    """One run of a run and the one that continues it."""
    a, b, cut = first.record, second.record, second.record['resumed_from']
    results = [b['metrics'].get('best'), a['metrics'].get('best')]
    late = results[1] is not None and results[1]['iter'] > cut
    results = [result for result in results[: 1 if late else 2] if result]
    if late and (known := _best_until(first, cut)):
        results.append(known)
    best = max(results, key=lambda r: -1 if r.get('mIoU') is None else r['mIoU'], default=None)
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
    parts = tuple((path, cut if end is None else min(cut, end)) for path, end in first.parts)
    problem = first.problem or second.problem
    return Run(second.folder, record, first.merged + second.merged, parts + second.parts, problem)


def _best_until(run: Run, cut: int) -> dict[str, Any] | None:
    """The best validation before the checkpoint: the record's came later, the curve knows it."""
    curve = run.points.until(cut)
    scores = {
        int(step): float(score)
        for step, score in zip(curve.iters, curve['mIoU'], strict=True)
        if not math.isnan(score)
    }
    if not scores:
        return None
    step = max(scores, key=scores.get)
    return {'iter': step, 'mIoU': scores[step]}


def identity(record: dict[str, Any]) -> tuple:
    """What copies of a run have in common, beside its ``run_id``."""
    return tuple(record.get(key) for key in ('config', 'seed', 'label_seed', 'started'))


def one_per_id(runs: list[Run], broken: Problems) -> tuple[list[Run], list[tuple[str, Path, Path]]]:
    """One run per ``run_id``.

    Copies of a run, or of some of its starts, count once: the one updated last, the one started
    first among equals. Of different runs that claim one id, the one started first has it.

    Args:
        runs (list[Run]): Merged runs.
        broken (list[tuple[Path, str]]): The others that claim an id are appended.

    Returns:
        tuple[list[Run], list[tuple[str, Path, Path]]]: The runs, and of each copy the id, the
        folder that counts and its own.
    """
    owner: dict[str, Run] = {}
    duplicates = []
    for run in sorted(runs, key=lambda run: (run.record['started'], str(run.folder))):
        run_id = next((run_id for run_id in run.merged if run_id in owner), None)
        if run_id is None:
            owner.update(dict.fromkeys(run.merged, run))
            continue
        other = owner[run_id]
        whole = run_id == run.record['run_id'] == other.record['run_id']
        mine, theirs = identity(run.record), identity(other.record)
        if mine[:3] != theirs[:3] or (whole and mine != theirs):
            reason = f'claims the run_id {run_id!r} of another run, in {other.folder}; give it one'
            broken.append((run.folder / 'run.json', reason))
            continue
        if run.record['updated'] > other.record['updated']:
            run, other = other, run
        owner.update(dict.fromkeys(run.merged + other.merged, other))
        duplicates.append((run_id, other.folder, run.folder))
    return list({id(run): run for run in owner.values()}.values()), duplicates
