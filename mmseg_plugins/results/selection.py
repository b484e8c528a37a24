"""Which of the gathered runs are wanted, and what came of them, for the gathering tool."""

import collections
from collections.abc import Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.record_file import STATUSES, moment
from mmseg_plugins.results.run import Run
from mmseg_plugins.results.runs import Gathered
from mmseg_plugins.results.table import values_of

FILTERS = ('cell', 'benchmark', 'method', 'status')


def select(
    runs: Sequence[Run], patterns: Mapping[str, Sequence[str]], since: datetime | None = None
) -> list[Run]:
    """The runs that match.

    Args:
        runs (Sequence[Run]): The runs.
        patterns (Mapping[str, Sequence[str]]): For some of :data:`FILTERS` the patterns, as a shell
            has them (``*``, ``?``, ``[...]``), of which a run must match one; none match all.
        since (datetime, optional): Runs last updated before are left out. Defaults to None.

    Returns:
        list[Run]: In the same order.
    """
    chosen = []
    for run in runs:
        values = values_of(run)
        if since is not None and moment(run.record['updated']) < since:
            continue
        if all(
            any(fnmatchcase(values[name] or '', pattern) for pattern in wanted)
            for name, wanted in patterns.items()
            if wanted
        ):
            chosen.append(run)
    return chosen


def parse_since(text: str | None) -> datetime | None:
    """The time that ``--since`` names.

    Raises:
        UserError: If it is none.
    """
    if text is None:
        return None
    if (time := moment(text)) is None:
        raise UserError(f'--since {text!r} is no date; write 2026-01-31 or 2026-01-31T12:00 (UTC)')
    return time


def summary(found: Gathered) -> dict[str, int]:
    """How many runs ended how, how many files are broken, how many runs name no cell."""
    count = collections.Counter(run.record['status'] for run in found.runs)
    unkeyed = sum(not values_of(run)['cell'] for run in found.runs) + len(found.unkeyed)
    order = ('finished', 'running', 'stale', 'failed', 'interrupted')
    assert set(order) == set(STATUSES)
    return {
        **{status: count[status] for status in order},
        'broken': len(found.broken),
        'unkeyed': unkeyed,
    }


def as_json(found: Gathered) -> dict[str, Any]:
    """Everything that was found, for other programs.

    Args:
        found (Gathered): The runs.

    Returns:
        dict[str, Any]: ``runs`` (the columns of ``runs.csv`` with their types, and ``reason``,
        ``folder`` and ``merged``), ``broken``, ``duplicates``, ``unkeyed`` and ``summary``.
    """
    return {
        'runs': [
            {
                **values_of(run),
                'reason': run.record.get('reason'),
                'folder': str(run.folder),
                'merged': list(run.merged),
            }
            for run in found.runs
        ],
        'broken': [{'file': str(file), 'reason': reason} for file, reason in found.broken],
        'duplicates': [
            {'run_id': run_id, 'counts': str(kept), 'ignored': str(other)}
            for run_id, kept, other in found.duplicates
        ],
        'unkeyed': [str(folder) for folder in found.unkeyed],
        'summary': summary(found),
    }
