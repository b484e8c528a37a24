import copy
import statistics
from dataclasses import dataclass, field

import torch

from .memory import peak_rise_mib
from .trial import Trial
from .waits import CUDA, count_waits
from .watch import APART, NETWORK


@dataclass
class Measurement:
    """What the steps of a trial cost.

    Attributes:
        parts (list[dict[str, float]]): Of each step, part to seconds.
        bare (list[float]): Seconds of the bare passes beside each step; may be empty.
        rise_mib (float): Peak memory of a step over what was in use before it.
        bare_rise_mib (float | None): Likewise of the bare passes.
        part_rise_mib (dict[str, float]): Likewise of each part, over its own beginning.
        kept_mib (float): What lives between steps.
        waits (dict[str, int]): "part: operation" to how often in a step.
        counted (str): How the waits were counted.
    """

    parts: list[dict[str, float]] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    rise_mib: float = 0.0
    bare_rise_mib: float | None = None
    part_rise_mib: dict[str, float] = field(default_factory=dict)
    kept_mib: float = 0.0
    waits: dict[str, int] = field(default_factory=dict)
    counted: str = ''

    def syncs(self) -> int:
        """Waits of a step, those of the optimiser left out where operations were counted.

        PyTorch's optimisers count their steps on the host, whatever the device.
        """
        host = self.counted != CUDA
        return sum(n for at, n in self.waits.items() if not (host and at.startswith('optimiser')))

    def steps(self) -> list[float]:
        """Seconds of each step."""
        return [sum(parts.values()) for parts in self.parts]

    def overheads(self) -> list[float]:
        """Of each step: what is no network pass over the network passes.

        Data, optimiser and EMA are neither. What has no name counts, as ``'rest'``.
        """
        return [overhead(parts) for parts in self.parts]

    def over_bare(self) -> list[float]:
        """Of each step: what it takes over the bare passes beside it, as a fraction of these."""
        inner = [sum(parts.values()) - sum(parts.get(p, 0) for p in APART) for parts in self.parts]
        return [step / bare - 1 for step, bare in zip(inner, self.bare, strict=True)]


def overhead(parts: dict[str, float]) -> float:
    """The parts that are not network passes over those that are, as a fraction.

    Args:
        parts (dict[str, float]): Part to seconds.

    Returns:
        float: 0.05 is 5 %.
    """
    network = sum(parts.get(name, 0.0) for name in NETWORK)
    others = sum(seconds for name, seconds in parts.items() if name not in (*NETWORK, *APART))
    return others / network


def median_and_iqr(values: list[float]) -> tuple[float, float]:
    """Median and interquartile range; the latter is 0 of one value."""
    if len(values) < 2:
        return values[0], 0.0
    low, middle, high = statistics.quantiles(values, n=4, method='inclusive')
    return middle, high - low


def measure(
    trials: list[Trial],
    steps: int,
    warmup: int,
    bare: bool = True,
    memory_steps: int = 3,
    progress=lambda text: None,
) -> list[Measurement]:
    """Measure trials side by side: they take turns, so that a busy machine slows all alike.

    Peak memory and waits come from steps of their own after the timed ones.

    Args:
        trials (list[Trial]): What is compared.
        steps (int): Timed steps of each.
        warmup (int): Steps of each before.
        bare (bool): Also time the bare passes, in turn with the steps. Defaults to True.
        memory_steps (int): The median of so many peaks is taken. Defaults to 3.
        progress (callable): Told what happens. Defaults to silence.

    Returns:
        list[Measurement]: In the order of ``trials``.
    """
    found = [Measurement() for _ in trials]
    for trial in trials:
        trial.timeline.weigh = False
    for number in range(warmup + steps):
        progress(f'step {number + 1} of {warmup + steps}, {warmup} to warm up')
        # whoever comes second finds another machine: swap
        for trial, result in list(zip(trials, found, strict=True))[:: 1 if number % 2 else -1]:
            parts = trial.step(number)
            passes = trial.bare(number) if bare else None
            if number >= warmup:
                result.parts.append(copy.copy(parts))
                result.bare += [passes] if bare else []
    for trial, result in zip(trials, found, strict=True):
        progress(f'memory and waits of {trial.name}')
        result.kept_mib = trial.kept_mib()
        result.rise_mib = _median_peak(trial.step, trial.device, memory_steps)
        result.part_rise_mib = _median_rises(trial, memory_steps)
        if bare:
            result.bare_rise_mib = _median_peak(trial.bare, trial.device, memory_steps)
        waits, result.counted = count_waits(
            lambda trial=trial: trial.step(0),
            trial.device,
            lambda trial=trial: trial.timeline.current,
        )
        result.waits = {f'{part}: {name}': count for (part, name), count in sorted(waits.items())}
    return found


def _median_peak(step, device: torch.device, times: int) -> float:
    return statistics.median(peak_rise_mib(lambda: step(0), device) for _ in range(times))


def _median_rises(trial: Trial, times: int) -> dict[str, float]:
    found = []
    for _ in range(times):
        trial.timeline.rises = {}
        trial.step(0)
        found.append(trial.timeline.rises)
    trial.timeline.rises = None
    return {part: statistics.median(rises[part] for rises in found) for part in found[0]}
