"""Read ``run.json`` as data from a stranger: whole and sound, or broken with the reason."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SCHEMA = 1
RECORDED = ('running', 'finished', 'failed', 'interrupted')
# What a reader sees: a run that says running but has stopped breathing is stale.
STATUSES = (*RECORDED, 'stale')
STALE_AFTER_S = 15 * 60.0
BEATS = 5

TEXT, NUMBER, NONE = (str,), (int, float), (type(None),)
# key of run.json: the types that a reader relies on; these must be there
KEYS: dict[str, tuple[type, ...]] = {
    'run_id': TEXT,
    'config': TEXT,
    'protocol': (dict,),
    'seed': (int, *NONE),
    'status': TEXT,
    'iters_done': (int,),
    'iters_planned': (int,),
    'metrics': (dict,),
    'started': TEXT,
    'updated': TEXT,
}
# and these where they are
OPTIONAL: dict[str, tuple[type, ...]] = {
    'cell': (*TEXT, *NONE),
    'label_seed': (int, *TEXT, *NONE),
    'reason': (*TEXT, *NONE),
    'resumed_from': (int, *NONE),
    'world_size': (int, *NONE),
    'device': (*TEXT, *NONE),
    'images_per_s': (*NUMBER, *NONE),
    'peak_mib': (*NUMBER, *NONE),
    'wall_s': (*NUMBER, *NONE),
    'heartbeat_s': (*NUMBER, *NONE),
    'commit': (*TEXT, *NONE),
    'dirty': (bool, *NONE),
    'versions': (dict, *NONE),
    'ended': (*TEXT, *NONE),
    'data': (dict, *NONE),
}
# Fields of the protocol that are computed or joined with, where they are stated.
PROTOCOL: dict[str, tuple[type, ...]] = {
    'labelled_images': (*NUMBER, *NONE),
    'iterations': (*NUMBER, *NONE),
    'step': (dict, *NONE),
    **dict.fromkeys(('cell', 'benchmark', 'method', 'network'), (*TEXT, *NONE)),
}
NAMES = {str: 'a text', int: 'a whole number', float: 'a number', dict: 'an object', bool: 'a flag'}


class BrokenRunError(Exception):
    """A run folder that cannot be read: the reason and the file."""

    def __init__(self, reason: str, path: Path) -> None:
        super().__init__(reason, path)
        self.reason = reason
        self.path = Path(path)


def read_record(path: Path) -> dict[str, Any]:
    """Read and check a ``run.json``.

    Args:
        path (Path): The file.

    Returns:
        dict[str, Any]: The record; numbers that are not finite are None.

    Raises:
        BrokenRunError: If it is truncated, newer, contradicts itself, or lacks what a reader relies
            on.
    """
    try:
        text = path.read_text(encoding='utf-8')
        record = json.loads(
            text,
            parse_constant=lambda _: None,
            parse_float=_finite,
            parse_int=_whole,
            object_pairs_hook=_without_duplicates,
        )
    except OSError as error:
        raise BrokenRunError(f'cannot be read: {error.strerror}', path) from error
    except KeyError as error:
        raise BrokenRunError(f'has the key {error.args[0]!r} twice', path) from error
    except OverflowError as error:
        raise BrokenRunError(f'holds the number {error}, which no 64 bits hold', path) from error
    except (ValueError, RecursionError) as error:
        raise BrokenRunError(f'is truncated or not JSON: {error}', path) from error
    if reason := flaw(text, record):
        raise BrokenRunError(reason, path)
    return record


def flaw(text: str, record: Any) -> str | None:
    """Why a record cannot be taken.

    Args:
        text (str): The JSON.
        record (Any): What it says.

    Returns:
        str | None: What is wrong, to follow the file's name; None if nothing is.
    """
    return _unsound(record) or _unwritable(text, record) or contradiction(record)


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def _whole(text: str) -> int:
    value = int(text)
    if abs(value) >= 2**63:
        raise OverflowError(shorten(value))
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise KeyError(next(name for name in found if names.count(name) > 1))
    return found


def _unsound(record: Any) -> str | None:
    """What is wrong with the form of a record."""
    schema = record.get('schema') if isinstance(record, dict) else None
    if not isinstance(schema, int):
        return "is not a run record: it has no 'schema'"
    if schema > SCHEMA:
        return f'has schema {schema}, newer than {SCHEMA}: update mmseg_plugins'
    if missing := [key for key in KEYS if key not in record]:
        return f'lacks {", ".join(map(repr, missing))}'
    protocol = record['protocol'] if isinstance(record['protocol'], dict) else {}
    for known, values, prefix in (
        (KEYS, record, ''),
        (OPTIONAL, record, ''),
        (PROTOCOL, protocol, 'protocol.'),
    ):
        for key, types in known.items():
            value = values.get(key)
            flag = isinstance(value, bool) and bool not in types
            if (key in values and not isinstance(value, types)) or flag:
                name = NAMES[float if float in types else types[0]]
                return f'has {prefix}{key} = {shorten(value)}, expected {name}'
    if record['status'] not in RECORDED:
        return f'has status = {record["status"]!r}, expected one of {", ".join(RECORDED)}'
    for key in ('started', 'updated'):
        if moment(record[key]) is None:
            return f'has {key} = {record[key]!r}, expected a time as 2026-01-31T12:00:00Z'
    results = {which: record['metrics'].get(which) for which in ('last', 'best')}
    found = (bad_result(f'metrics.{which}', value) for which, value in results.items() if value)
    return next(filter(None, found), None)


def bad_result(name: str, result: Any) -> str | None:
    """What is wrong with a validation's result.

    Args:
        name (str): What to call it.
        result (Any): An object of ``iter``, ``mIoU`` and ``iou_per_class`` in a sound record.

    Returns:
        str | None: What is wrong, to follow the file's name; None if nothing is.
    """
    classes = result.get('iou_per_class') if isinstance(result, dict) else None
    if (
        not isinstance(result, dict)
        or not isinstance(result.get('iter'), int)
        or not isinstance(classes, (dict, *NONE))
    ):
        return f'has no valid result in {name}: {shorten(result)}'
    for label, value in [('mIoU', result.get('mIoU')), *(classes or {}).items()]:
        if isinstance(value, bool) or not isinstance(value, (*NUMBER, *NONE)):
            return f'has no valid result in {name}: {label} = {shorten(value)}'
        if value is not None and not 0 <= value <= 100:
            return f'has {name}: {label} = {shorten(value)}, outside 0 to 100 (percent)'
    return None


def _unwritable(text: str, record: Any) -> str | None:
    """Characters that JSON can escape and a table cannot hold."""
    if '\\u0000' not in text and '\\ud' not in text.lower():
        return None
    decoded = json.dumps(record, ensure_ascii=False)
    try:
        decoded.encode()
    except UnicodeEncodeError:
        return 'holds half a character (a lone surrogate)'
    return 'holds the character NUL' if '\\u0000' in decoded else None


def contradiction(record: dict[str, Any]) -> str | None:
    """Where a record's protocol says something else than its own fields or its data.

    Args:
        record (dict[str, Any]): The record.

    Returns:
        str | None: What contradicts what.
    """
    protocol, data = record['protocol'], record.get('data') or {}
    parts = [protocol.get(key) for key in ('benchmark', 'method', 'network')]
    cell = protocol.get('cell')
    joined = '/'.join(map(str, parts))
    if cell and all(parts) and cell != joined:
        return (
            f'has a protocol that contradicts itself: cell {cell!r}, but benchmark, method and '
            f'network say {joined!r}'
        )
    if cell and record.get('cell') and cell != record['cell']:
        return f'has cell {record["cell"]!r}, but its protocol says {cell!r}'
    for key, what in (('benchmark', 'read the lists of'), ('labelled_images', 'had')):
        stated, real = protocol.get(key), data.get(key)
        if stated is not None and real is not None and stated != real:
            return (
                'has a protocol that contradicts its data set: '
                f'{key} is {stated!r}, but the training {what} {real!r}'
            )
    return None


def moment(text: str) -> datetime | None:
    """A time as a record or a person writes it, as UTC where it names no zone; None if none."""
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def is_stale(record: dict[str, Any], now: datetime, after_s: float = STALE_AFTER_S) -> bool:
    """Whether a run that says it is running has stopped breathing.

    Args:
        record (dict[str, Any]): The record.
        now (datetime): The time of reading.
        after_s (float): Seconds without a write; never less than five heartbeats of the run.
            Defaults to 15 minutes.

    Returns:
        bool: True if it has been silent for longer.
    """
    silence = (now - moment(record['updated'])).total_seconds()
    patience = max(after_s, BEATS * (record.get('heartbeat_s') or 0))
    return record['status'] == 'running' and silence > patience


def shorten(value: Any) -> str:
    """A value for a message."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + '...'
