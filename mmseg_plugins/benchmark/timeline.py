"""Where the time of a step goes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from .memory import in_use_mib, peak_mib, start_peak

REST = 'rest'


class Timeline:
    """Divides a step into named parts without gaps.

    At any moment one part runs: the innermost that was entered, or ``'rest'`` where none is. A part
    that another one interrupts does not count the other's time, so the parts of a step add up to
    the step. On CUDA the borders are events of the current stream, read after the step: nothing
    inside it waits, and a part has the time that the GPU took for it, its own idling included.

    Attributes:
        weigh (bool): Read the memory in use at every border too, which costs time.
        rises (dict[str, float] | None): Set it to a dict, and it is told by how many MiB memory in
            use grew at most while each part ran without interruption; that costs much time.
        failed (str | None): The part that an exception left first.

    Args:
        device (torch.device): Where the step runs.
        clock (callable): Seconds, for a CPU. Defaults to ``time.perf_counter``.
    """

    def __init__(self, device: torch.device, clock=time.perf_counter) -> None:
        self.device = device
        self.clock = clock
        self.weigh = False
        self.rises: dict[str, float] | None = None
        self.start = 0.0
        self.failed: str | None = None
        self.open: list[str] = []
        self.weights: list[float] = []
        self.marks: list[tuple[str | None, object]] = []

    @property
    def current(self) -> str:
        """The part that runs."""
        return self.open[-1] if self.open else REST

    @contextmanager
    def step(self) -> Iterator[None]:
        """One step; what was recorded before is forgotten."""
        self.open, self.marks, self.weights, self.failed = [], [], [], None
        if self.device.type == 'cuda':
            torch.cuda.synchronize(self.device)
        self._mark(None)
        try:
            yield
        except BaseException:
            self.failed = self.failed or REST
            raise
        self._mark(self.current)
        if self.device.type == 'cuda':
            torch.cuda.synchronize(self.device)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """A part of the step that runs; outside of a step it is not recorded."""
        if not self.marks:
            yield
            return
        self._mark(self.current)
        self.open.append(name)
        try:
            yield
        except BaseException:
            self.failed = self.failed or name
            raise
        finally:
            self._mark(self.current)
            self.open.pop()

    def seconds(self) -> dict[str, float]:
        """Time of each part of the last step.

        Returns:
            dict[str, float]: Part to seconds, in the order of their first ends.
        """
        parts: dict[str, float] = {}
        for (_, before), (name, after) in zip(self.marks, self.marks[1:], strict=False):
            parts[name] = parts.get(name, 0.0) + self._between(before, after)
        return parts

    def growth_mib(self) -> dict[str, float]:
        """By how much each part of the last step raised the memory in use, where it was weighed.

        Returns:
            dict[str, float]: Part to MiB; what a part frees is not taken off another.
        """
        parts: dict[str, float] = {}
        weights = zip(self.weights, self.weights[1:], self.marks[1:], strict=False)
        for before, after, (name, _) in weights:
            parts[name] = parts.get(name, 0.0) + after - before
        return parts

    def _mark(self, ended: str | None) -> None:
        if self.device.type == 'cuda':
            stamp = torch.cuda.Event(enable_timing=True)
            stamp.record(torch.cuda.current_stream(self.device))
        else:
            stamp = self.clock()
        self.marks.append((ended, stamp))
        if self.weigh:
            self.weights.append(in_use_mib(self.device))
        if self.rises is not None:
            if ended is not None:
                rise = peak_mib(self.device) - self.start
                self.rises[ended] = max(rise, self.rises.get(ended, 0.0))
            self.start = start_peak(self.device)

    def _between(self, before, after) -> float:
        if self.device.type == 'cuda':
            return before.elapsed_time(after) / 1e3
        return after - before
