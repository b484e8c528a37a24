"""What an earlier gathering has read and written, so that the next one need not do it again."""

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from mmseg_plugins.results import scalars
from mmseg_plugins.results.atomic import write_atomic
from mmseg_plugins.results.run import Run
from mmseg_plugins.results.scalars import Curve

# A file that changed this recently may change again within one tick of its file system's clock.
SETTLED_S = 3.0


class GatherCache:
    """Remembers files by their path, times of change, size and inode.

    It holds no results: only that a ``scalars.json`` was sound, and from which scalars a curve file
    was written. If one of the two files is no longer the same, it is read or written again; and so
    is everything when the code that reads and thins curves changes, or the cache cannot be read.

    Args:
        path (Path, optional): The cache file. Defaults to None: nothing is remembered.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.code = hashlib.sha256(Path(scalars.__file__).read_bytes()).hexdigest()
        self._checked: dict[str, list] = {}
        self._written: dict[str, list] = {}
        self._changed = False
        try:
            content = json.loads(path.read_text()) if path else {}
            if content.get('code') == self.code:
                self._checked, self._written = dict(content['checked']), dict(content['written'])
        except (OSError, ValueError, AttributeError, KeyError, TypeError):
            pass

    def verdict(self, path: Path, read: Callable[[], Curve]) -> tuple[str, str]:
        """What is wrong with a ``scalars.json``, and its half-written last line.

        Args:
            path (Path): The file.
            read (Callable[[], Curve]): Reads it, where that has to be.

        Returns:
            tuple[str, str]: As :attr:`Curve.problem` and :attr:`Curve.torn`.
        """
        stamp, key = stamp_of(path), os.path.abspath(path)
        known = self._checked.get(key)
        if stamp is not None and isinstance(known, list) and len(known) == 3 and known[0] == stamp:
            return known[1], known[2]
        curve = read()
        if stamp is not None and stamp == stamp_of(path) and settled(stamp):
            self._checked[key] = [stamp, curve.problem, curve.torn]
            self._changed = True
        return curve.problem, curve.torn

    def is_written(self, run: Run, path: Path) -> bool:
        """Whether a curve file is what this run's scalars give."""
        known = self._written.get(os.path.abspath(path))
        return bool(known) and known == [_sources(run), stamp_of(path)]

    def wrote(self, run: Run, path: Path) -> None:
        """Remember that a curve file was written from a run's scalars."""
        sources = _sources(run)
        # Only what is still the file that was found sound: another may have come after the reading.
        if all(
            not stamp or self._checked.get(path, [None])[0] == stamp for path, _, stamp in sources
        ):
            self._written[os.path.abspath(path)] = [sources, stamp_of(path)]
            self._changed = True

    def save(self) -> None:
        """Write it, if that is possible; it only saves time."""
        if self.path is None or not self._changed:
            return
        content = {'code': self.code, 'checked': self._checked, 'written': self._written}
        try:
            write_atomic(self.path, json.dumps(content))
        except OSError:
            pass


def stamp_of(path: Path) -> list[int] | None:
    """Times of change, size and inode of a file; None if it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return [status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino]


def settled(stamp: list[int]) -> bool:
    """Whether a file's time of change is far enough back to tell the next change apart."""
    return abs(time.time() - stamp[0] / 1e9) > SETTLED_S


def _sources(run: Run) -> list:
    return [[os.path.abspath(path), end, stamp_of(path)] for path, end in run.parts]
