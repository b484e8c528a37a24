"""MMEngine's ``scalars.json``: JSON lines of training and of validation, as a curve."""

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

# Scalars that are no curve: clocks, counters, and per-class values, which run.json holds.
NO_CURVE = frozenset('time data_time memory epoch iter step base_lr'.split())
FIRST_SCALARS = ('mIoU', 'mAcc', 'aAcc', 'loss')


@dataclass(frozen=True)
class Curve:
    """What a run logged, by iteration.

    Attributes:
        iters (np.ndarray): (N,) finished iterations, ascending.
        names (tuple[str, ...]): The K scalars.
        values (np.ndarray): (N, K) float64; NaN where a scalar was not logged or not finite.
        problem (str): What is wrong with the file; '' for nothing. Defaults to ''.
        torn (str): Its last line where that is half a line, as a process that was killed leaves it
            and one that is writing shows it; '' if it is whole. Defaults to ''.
    """

    iters: np.ndarray
    names: tuple[str, ...]
    values: np.ndarray
    problem: str = ''
    torn: str = ''

    def __len__(self) -> int:
        return len(self.iters)

    def __getitem__(self, name: str) -> np.ndarray:
        """(N,) values of a scalar; NaN throughout where it was never logged."""
        if name not in self.names:
            return np.full(len(self), np.nan)
        return self.values[:, self.names.index(name)]

    def until(self, last: int | None) -> 'Curve':
        """The part up to an iteration; all of it for None."""
        if last is None:
            return self
        kept = self.iters <= last
        return Curve(self.iters[kept], self.names, self.values[kept], self.problem, self.torn)

    def frame(self) -> pd.DataFrame:
        """The curve as a table: ``iter`` and one column per scalar."""
        table = pd.DataFrame(self.values, columns=list(self.names))
        table.insert(0, 'iter', self.iters)
        return table

    def thinned_csv(self, points: int = 200) -> str:
        """The curve as it is kept in ``results/curves/``.

        Args:
            points (int): About how many training rows, and how many validation rows, are kept:
                evenly spaced, always with the first and the last. Defaults to 200.

        Returns:
            str: CSV, well-known scalars first, numbers with six digits.
        """
        is_val = ~np.isnan(self['mIoU'])
        kept: set[int] = set()
        for index in (np.flatnonzero(is_val), np.flatnonzero(~is_val)):
            chosen = np.linspace(0, len(index) - 1, min(points, len(index))).round().astype(int)
            kept.update(index[chosen].tolist())
        names = [name for name in FIRST_SCALARS if name in self.names]
        names += sorted(set(self.names) - set(names))
        columns = [self.names.index(name) for name in names]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator='\n')
        writer.writerow(['iter', *names])
        rows = sorted(kept)
        for number, row in zip(self.iters[rows], self.values[np.ix_(rows, columns)], strict=True):
            writer.writerow([number, *('' if math.isnan(v) else f'{v:.6g}' for v in row)])
        return text.getvalue()


def join_curves(curves: Sequence[Curve]) -> Curve:
    """One curve of several, in their order; those of the starts of a resumed run.

    A validation that a resumed start repeats at its first iteration counts once.
    """
    if len(curves) == 1:
        return curves[0]
    names = tuple(dict.fromkeys(name for curve in curves for name in curve.names))
    values = [np.stack([curve[n] for n in names], 1) if names else curve.values for curve in curves]
    problems = [curve.problem for curve in curves if curve.problem]
    iters, rows = np.concatenate([curve.iters for curve in curves]), np.concatenate(values)
    repeated = np.flatnonzero(np.diff(iters) == 0)
    for row in repeated:
        rows[row + 1] = np.where(np.isnan(rows[row + 1]), rows[row], rows[row + 1])
    iters, rows = np.delete(iters, repeated), np.delete(rows, repeated, axis=0)
    return Curve(iters, names, rows, problems[0] if problems else '')


def scalar_lines(data: bytes, problems: list[str], torn: list[str]) -> Iterator[dict[str, Any]]:
    """The whole lines of a ``scalars.json``.

    Args:
        data (bytes): The file.
        problems (list[str]): What is wrong with each line that is left out is appended.
        torn (list[str]): The last line is appended if it is half a line.

    Yields:
        dict[str, Any]: One line, with an integer ``step``.
    """
    lines = data.split(b'\n')
    for number, line in enumerate(lines, 1):
        if number == len(lines) and not line:
            continue
        try:
            scalars = json.loads(line, parse_constant=lambda _: None, object_pairs_hook=_once)
            scalars['step'] = int(scalars['step'])
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            shown = repr(line[:40].decode(errors='replace'))
            twice = isinstance(error, _TwiceError)
            what = f'has {error.args[0]!r} twice' if twice else f'is {shown}'
            if number == len(lines) and not twice:
                torn.append(shown)
            else:
                total = len(lines) - (not lines[-1])
                problems.append(f'is truncated or not JSON lines: line {number} of {total} {what}')
            continue
        yield scalars


class _TwiceError(ValueError):
    """A key that a line has twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(next(name for name in found if names.count(name) > 1))
    return found


def read_curve(path: Path) -> Curve:
    """Read a ``vis_data/scalars.json``.

    Args:
        path (Path): The file; one that is missing is an empty curve.

    Returns:
        Curve: What its whole lines say, with what is wrong with the others.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return make_curve([], [], [])
    except OSError as error:
        return make_curve([], [f'cannot be read: {error.strerror}'], [])
    problems: list[str] = []
    torn: list[str] = []
    return make_curve(scalar_lines(data, problems, torn), problems, torn)


def make_curve(lines: Iterator[dict[str, Any]], problems: list[str], torn: list[str]) -> Curve:
    """A curve of lines, see :func:`scalar_lines`; rows of one iteration are one row."""
    rows: dict[int, dict[str, float]] = {}
    for scalars in lines:
        rows.setdefault(scalars['step'], {}).update(
            (name, value)
            for name, value in scalars.items()
            if isinstance(value, (int, float)) and name not in NO_CURVE and name[:4] != 'IoU.'
        )
    names = tuple(dict.fromkeys(name for row in rows.values() for name in row))
    iters = sorted(rows)
    matrix = [[rows[step].get(name, math.nan) for name in names] for step in iters]
    try:
        values = np.array(matrix, dtype=float).reshape(len(iters), len(names))
        steps = np.array(iters, dtype=np.int64)
    except OverflowError:
        problems.append('holds a whole number that no float holds')
        return Curve(np.zeros(0, np.int64), (), np.zeros((0, 0)), problems[0])
    values[~np.isfinite(values)] = np.nan
    curve = Curve(steps, names, values)
    score = curve['mIoU']
    if (odd := np.flatnonzero((score < 0) | (score > 100))).size:
        problems.append(
            f'has mIoU = {score[odd[0]]:g} at iteration {steps[odd[0]]}, outside 0 to 100 (percent)'
        )
    more = f' (and {len(problems) - 1} more such lines)' if len(problems) > 1 else ''
    return Curve(
        steps, names, values, problems[0] + more if problems else '', torn[0] if torn else ''
    )
