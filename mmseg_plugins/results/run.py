"""One run as it is read from its folder."""

from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from mmseg_plugins.results.scalars import Curve, join_curves, read_curve


class Run:
    """One run: a process start, or several when it was resumed.

    Args:
        folder (Path): The folder of ``run.json``; the latest one's when it was resumed.
        record (dict): The record as ``results/README.md`` defines it.
        merged (tuple[str, ...]): The ``run_id`` of every record in it, in order.
        parts (tuple[tuple[Path, int | None], ...]): Every start's ``scalars.json``, and the
            iteration up to which it counts; None for all of it.
        problem (str): What is wrong with the scalars; '' for nothing. Defaults to ''.
    """

    def __init__(
        self,
        folder: Path,
        record: dict[str, Any],
        merged: tuple[str, ...],
        parts: tuple[tuple[Path, int | None], ...],
        problem: str = '',
    ) -> None:
        self.folder = folder
        self.record = record
        self.merged = merged
        self.parts = parts
        self.problem = problem

    @cached_property
    def points(self) -> Curve:
        """What it logged; read when it is asked for."""
        return join_curves([read_curve(path).until(end) for path, end in self.parts])

    @property
    def curve(self) -> pd.DataFrame:
        """What it logged as a table: ``iter`` (finished iterations, ascending), one per scalar."""
        return self.points.frame()
