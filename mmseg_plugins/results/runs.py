"""Find and read the runs below some folders."""

import dataclasses
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.bare import UnkeyedError, bare_record, is_bare
from mmseg_plugins.results.gather_cache import GatherCache
from mmseg_plugins.results.record_file import (
    STALE_AFTER_S,
    STATUSES,
    BrokenRunError,
    is_stale,
    read_record,
)
from mmseg_plugins.results.resumed import merge_resumed, one_per_id
from mmseg_plugins.results.run import Run

__all__ = [
    'STATUSES',
    'BrokenRunError',
    'Gathered',
    'Run',
    'gather',
    'merge_resumed',
    'read_record',
    'read_run',
]
# Folders in which no run lies.
SKIPPED = frozenset({'vis_data', 'vis_image'})


@dataclasses.dataclass
class Gathered:
    """What :func:`gather` found.

    Attributes:
        runs (list[Run]): Every readable run, resumed ones merged, one per ``run_id``.
        broken (list[tuple[Path, str]]): File and reason of each that is not, and of scalars that
            are not sound.
        duplicates (list[tuple[str, Path, Path]]): ``run_id``, the folder that counts, the other.
        unkeyed (list[Path]): Folders of trainings without a record whose config has no protocol.
    """

    runs: list[Run]
    broken: list[tuple[Path, str]]
    duplicates: list[tuple[str, Path, Path]]
    unkeyed: list[Path] = dataclasses.field(default_factory=list)


def gather(
    roots: Iterable[str | Path],
    progress: Callable[[int, int], None] = lambda *_: None,
    now: datetime | None = None,
    stale_after_s: float = STALE_AFTER_S,
    cache: GatherCache | None = None,
) -> Gathered:
    """Read every run below some folders.

    A run whose ``run.json`` is sound is gathered even where its scalars are not: the record is all
    that its row needs. What is wrong with the scalars is among the broken then.

    Args:
        roots (Iterable[str | Path]): Folders; overlapping ones are read once.
        progress (Callable[[int, int], None]): Called with the number read and the number found.
        now (datetime, optional): The time of reading. Defaults to None, the present.
        stale_after_s (float): Seconds of silence after which a run that says running is stale, see
            :func:`is_stale`. Defaults to 15 minutes.
        cache (GatherCache, optional): What an earlier gathering knew. Defaults to None.

    Returns:
        Gathered: Runs and broken ones.

    Raises:
        UserError: If a root is no folder, or none holds a run.
    """
    roots = [Path(root) for root in roots]
    broken: list[tuple[Path, str]] = []
    folders = find_folders(roots, broken)
    if not folders and not broken:
        raise UserError(
            f'no run.json below {", ".join(map(str, roots))}; pass the --work-dir of trainings '
            "whose config has custom_hooks=[dict(type='RunRecordHook')]"
        )
    cache = cache or GatherCache()
    now = now or datetime.now(UTC)
    found, unkeyed = [], []
    for number, folder in enumerate(folders, 1):
        try:
            if run := _read_folder(folder, cache):
                found.append(run)
        except UnkeyedError:
            unkeyed.append(folder)
        except BrokenRunError as error:
            broken.append((error.path, error.reason))
        progress(number, len(folders))
    unsound = [
        (scalars, f'{run.problem}; its row comes from run.json, its curve is not taken')
        for run in found
        if run.problem
        for scalars, _ in run.parts
    ]
    runs, duplicates = one_per_id(merge_resumed(found, broken), broken)
    for run in runs:
        if is_stale(run.record, now, stale_after_s):
            run.record = {**run.record, 'status': 'stale'}
    return Gathered(runs, sorted(broken + unsound), duplicates, unkeyed)


def find_folders(roots: Iterable[Path], broken: list[tuple[Path, str]]) -> list[Path]:
    """The folders of all starts below some folders, links not followed.

    Args:
        roots (Iterable[Path]): The folders.
        broken (list[tuple[Path, str]]): Folders that cannot be read are appended, with the reason.

    Returns:
        list[Path]: Sorted; each once.

    Raises:
        UserError: If a root is no folder.
    """
    found: dict[str, Path] = {}
    for root in roots:
        if not os.path.isdir(root):
            raise UserError(
                f'{root} is not a folder that can be read; pass the --work-dir of some trainings'
            )
        real = os.path.realpath(root)
        waiting = ['']
        while waiting:
            inner = waiting.pop()
            try:
                with os.scandir(os.path.join(real, inner)) as entries:
                    folders = {}
                    for entry in entries:
                        folders[entry.name] = entry.is_dir(follow_symlinks=False)
            except FileNotFoundError:  # removed in the meantime
                continue
            except OSError as error:
                broken.append((root / inner, f'cannot be read: {error.strerror}'))
                continue
            if folders.get('run.json') is False or 'vis_data' in folders:
                found.setdefault(os.path.join(real, inner), root / inner)
            waiting += [
                os.path.join(inner, name)
                for name, is_folder in folders.items()
                if is_folder and name not in SKIPPED
            ]
    return sorted(found.values())


def read_run(path: Path) -> Run:
    """Read one run.

    Args:
        path (Path): A ``run.json``.

    Returns:
        Run: The run; its curve is empty when nothing was logged.

    Raises:
        BrokenRunError: With the reason and the file, if something cannot be read.
    """
    run = _read_folder(path.parent, GatherCache())
    if run is None:
        raise BrokenRunError('is not there', path)
    if run.problem:
        raise BrokenRunError(run.problem, run.parts[0][0])
    return run


def _read_folder(folder: Path, cache: GatherCache) -> Run | None:
    """The run of a folder; None if there is none."""
    file, scalars = folder / 'run.json', folder / 'vis_data' / 'scalars.json'
    try:
        recorded = os.path.lexists(file)
        record = read_record(file) if recorded else bare_record(folder) if is_bare(folder) else None
    except OSError as error:
        raise BrokenRunError(f'cannot be read: {error.strerror}', folder) from error
    except BrokenRunError as error:
        if isinstance(error.__cause__, FileNotFoundError) and not os.path.lexists(error.path):
            return None  # removed while it was read
        raise
    if record is None:
        return None
    run = Run(folder, record, (record['run_id'],), ((scalars, None),))
    run.problem, torn = cache.verdict(scalars, lambda: run.points)
    if torn and record['status'] == 'finished' and not run.problem:
        run.problem = f'is truncated: it ends with the half line {torn}'
    if run.problem and not recorded:
        raise BrokenRunError(run.problem, scalars)
    return run
