"""Work dirs of MMEngine without a ``run.json``: what their dumped config and scalars tell."""

import hashlib
import json
import math
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mmseg_plugins.results.literals import find_key, read_literals
from mmseg_plugins.results.record_file import BrokenRunError, bad_result, flaw, shorten
from mmseg_plugins.results.scalars import scalar_lines

PROTOCOL = re.compile(r'^protocol\s*=', re.MULTILINE)


class UnkeyedError(Exception):
    """A training that names no cell: its config has no ``protocol``."""


def is_bare(folder: Path) -> bool:
    """Whether a folder was written by a training that kept no record.

    Args:
        folder (Path): ``<work_dir>/<timestamp>``.

    Returns:
        bool: True with a dumped config and at least one logged line; a test, and a start that ended
        before its first line, have none.
    """
    data = folder / 'vis_data'
    return (data / 'config.py').is_file() and (data / 'scalars.json').is_file()


def bare_record(folder: Path) -> dict[str, Any] | None:
    """The record of such a folder, as far as it is known.

    The config is read as literals and never executed. What MMEngine does not keep (devices,
    versions, commit, times of the end) is None. ``started`` is the folder's name, which is local
    time and carries no zone. A run is finished when it has logged its last iteration; otherwise it
    counts as running, and as stale once ``scalars.json`` is older than the rule allows.

    Args:
        folder (Path): ``<work_dir>/<timestamp>``.

    Returns:
        dict[str, Any] | None: A record as ``run.json`` holds it; None if no training was logged.

    Raises:
        UnkeyedError: If the config has no ``protocol``.
        BrokenRunError: If the config or the scalars cannot be read.
    """
    scalars, source = folder / 'vis_data' / 'scalars.json', folder / 'vis_data' / 'config.py'
    try:
        data, text = scalars.read_bytes(), source.read_text(encoding='utf-8')
        updated = scalars.stat().st_mtime
    except OSError as error:
        raise BrokenRunError(f'cannot be read: {error.strerror}', error.filename) from error
    except ValueError as error:
        raise BrokenRunError(f'is not text: {error}', source) from error
    problems: list[str] = []
    lines = list(scalar_lines(data, problems, []))
    if problems:
        raise BrokenRunError(problems[0], scalars)
    trained = [line for line in lines if 'mIoU' not in line and 'iter' in line]
    if not trained:
        return None
    if not PROTOCOL.search(text):
        raise UnkeyedError
    settings = _settings(text, source)
    scored = [_result(line) for line in lines if 'mIoU' in line]
    if reason := next(filter(None, (bad_result('a validation', line) for line in scored)), None):
        raise BrokenRunError(reason, scalars)
    done = max(line['step'] for line in lines)
    loader = settings.get('train_dataloader')
    seed = _at(settings, 'randomness', 'seed')
    label_seed = find_key(loader, 'label_seed')
    config = _config_name(folder.parent, text)
    digest = hashlib.sha256(text.encode() + data.partition(b'\n')[0]).hexdigest()[:6]
    peaks = [_finite(line['memory']) for line in lines if type(line.get('memory')) in (int, float)]
    record = {
        'schema': 1,
        'run_id': re.sub(r'[^\w.+-]+', '-', f'{config}-seed{seed}-{folder.name}-{digest}'),
        'config': config,
        'cell': settings['protocol'].get('cell'),
        'protocol': settings['protocol'],
        'seed': seed,
        'label_seed': _at(settings, 'protocol', 'label_seed') if label_seed is None else label_seed,
        'status': 'finished' if done >= settings['train_cfg']['max_iters'] else 'running',
        'reason': None,
        'iters_done': done,
        'iters_planned': settings['train_cfg']['max_iters'],
        'resumed_from': _resumed_from(settings, trained[0]['step']),
        'metrics': {
            'last': scored[-1] if scored else None,
            'best': max(scored, key=lambda r: r['mIoU'] or -1.0, default=None),
        },
        'peak_mib': max(filter(None, peaks), default=None),
        'started': _started(folder.name),
        'updated': datetime.fromtimestamp(updated, UTC).strftime('%Y-%m-%dT%H:%M:%SZ'),
        'ended': None,
        'data': {'benchmark': _at(loader, 'dataset', 'benchmark')},
    }
    if reason := flaw(json.dumps(record), record):
        raise BrokenRunError(reason, source)
    return record


def _settings(text: str, source: Path) -> dict[str, Any]:
    try:
        settings = read_literals(text)
        # As JSON has it: lists for tuples, texts for keys, None for what is not finite.
        settings = json.loads(json.dumps(settings, default=str), parse_constant=lambda _: None)
    except (ValueError, TypeError, RecursionError) as error:
        raise BrokenRunError(f'is not a config of plain values: {error}', source) from error
    for *path, types in (
        ('protocol', dict),
        ('train_cfg', 'max_iters', int),
        ('randomness', 'seed', int | None),
    ):
        if not isinstance(value := _at(settings, *path), types):
            reason = f'has {".".join(path)} = {shorten(value)}, which places no run'
            raise BrokenRunError(reason, source)
    return settings


def _at(value: Any, *path: str) -> Any:
    """A value in nested dicts; None where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _config_name(work_dir: Path, text: str) -> str:
    """The stem of the config, which MMEngine dumps into the work dir too; else the dir's name."""
    found = sorted(work_dir.glob('*.py'))
    if len(found) > 1:
        found = [path for path in found if path.read_text(errors='replace') == text]
    return found[0].stem if len(found) == 1 else work_dir.name


def _resumed_from(settings: dict[str, Any], first: int) -> int | None:
    """The checkpoint before the first logged iteration of a resumed run."""
    every = _at(settings, 'default_hooks', 'checkpoint', 'interval')
    if not settings.get('resume') or not isinstance(every, int) or every < 1:
        return None
    return (first - 1) // every * every or None


def _result(line: dict[str, Any]) -> dict[str, Any]:
    return {
        'iter': line['step'],
        'mIoU': _finite(line['mIoU']),
        'iou_per_class': {
            name.removeprefix('IoU.'): _finite(value)
            for name, value in line.items()
            if name.startswith('IoU.')
        },
    }


def _finite(value: Any) -> Any:
    """None for a number that is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _started(name: str) -> str:
    try:
        return datetime.strptime(name, '%Y%m%d_%H%M%S').isoformat()
    except ValueError:
        return '1970-01-01T00:00:00'
