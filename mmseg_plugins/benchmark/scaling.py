"""How the cost of a step grows with batch, pixels, number of maps and classes."""

import copy
import itertools
import statistics
from dataclasses import dataclass, field

import numpy as np
import torch
from matplotlib import pyplot as plt
from mmengine.config import Config

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.style import COLOURS, MARKERS, drawing

from .made_batch import made_batch
from .state import set_state
from .trial import Trial
from .variants import build, fit_size
from .watch import APART, NETWORK

AXES = dict(
    batch='images of each stream',
    crop='pixels of an image',
    maps='maps of an image',
    classes='classes',
)


@dataclass
class Curve:
    """Cost along one axis.

    Attributes:
        axis (str): A key of :data:`AXES`.
        x (list[int]): Where it was measured; of ``crop`` in pixels, not the side.
        step_ms (list[float]): Medians of the step, without data, optimiser and EMA.
        logic_ms (list[float]): Medians of what is no network pass.
    """

    axis: str
    x: list[int] = field(default_factory=list)
    step_ms: list[float] = field(default_factory=list)
    logic_ms: list[float] = field(default_factory=list)


@dataclass
class Line:
    """A straight line through measured points, and how well they lie on it.

    Attributes:
        offset (float): Milliseconds at 0.
        slope (float): Milliseconds per unit.
        r2 (float): Share of the variance that it explains.
        exponent (float): Slope in double logarithmic scale: 1 is proportional, 2 is quadratic.
    """

    offset: float
    slope: float
    r2: float
    exponent: float


def fit_line(x: list[float], y: list[float]) -> Line:
    """Least squares.

    Args:
        x (list[float]): Positive, at least two different.
        y (list[float]): Positive.

    Returns:
        Line: The line.
    """
    slope, offset = np.polyfit(x, y, 1)
    left = np.square(np.subtract(y, offset + slope * np.asarray(x))).sum()
    spread = np.square(np.subtract(y, np.mean(y))).sum()
    exponent = np.polyfit(np.log(x), np.log(y), 1)[0]
    r2 = 1 - left / spread if spread else 1.0
    return Line(float(offset), float(slope), float(r2), float(exponent))


def measure_scaling(
    cfg: Config,
    points: dict[str, list[int]],
    steps: int,
    device: torch.device,
    state: str = 'active',
    seed: int = 0,
    progress=lambda text: None,
) -> list[Curve]:
    """Measure a leaf at points along each axis; all points take turns, step by step.

    Args:
        cfg (Config): A CorrMatch leaf.
        points (dict[str, list[int]]): Axis to values; of ``crop`` the sides.
        steps (int): Timed steps of each point, after one to warm up.
        device (torch.device): Where it runs.
        state (str): See :func:`set_state`. Defaults to ``'active'``.
        seed (int): Defaults to 0.
        progress (callable): Told what happens. Defaults to silence.

    Returns:
        list[Curve]: One of each axis.

    Raises:
        UserError: If the leaf has no maps, or an axis less than two points.
    """
    if 'correlation' not in cfg.model:
        raise UserError(
            f'{cfg.filename} trains {cfg.model.type}, which has no maps; name CorrMatch'
        )
    for axis, values in points.items():
        if len(set(values)) < 2 or min(values) < 1:
            raise UserError(f'--{axis} {values}: a line needs two values or more, of 1 or more')
    trials = [
        (axis, value, _trial(cfg, axis, value, device, state, seed))
        for axis, values in points.items()
        for value in sorted(set(values))
    ]
    seconds: dict[tuple[str, int], list] = {(axis, value): [] for axis, value, _ in trials}
    for number in range(steps + 1):
        progress(f'round {number + 1} of {steps + 1}')
        for axis, value, trial in trials[:: 1 if number % 2 else -1]:
            parts = trial.step(number)
            if number:
                seconds[axis, value].append(parts)
    curves = {axis: Curve(axis) for axis in points}
    for (axis, value), found in seconds.items():
        curve = curves[axis]
        curve.x.append(value**2 if axis == 'crop' else value)
        curve.step_ms.append(_median(found, APART))
        curve.logic_ms.append(_median(found, (*APART, *NETWORK)))
    return list(curves.values())


def draw_scaling(curves: list[Curve], title: str) -> plt.Figure:
    """A panel for each axis: the step and what is no network pass, with their lines.

    Args:
        curves (list[Curve]): From :func:`measure_scaling`.
        title (str): Above.

    Returns:
        plt.Figure: The figure.
    """
    with drawing():
        figure, panels = plt.subplots(
            1, len(curves), figsize=(3.0 * len(curves), 2.8), layout='constrained', squeeze=False
        )
        for panel, curve in zip(panels[0], curves, strict=True):
            series = dict(step=curve.step_ms, overhead=curve.logic_ms)
            for (name, y), colour, marker in zip(series.items(), COLOURS, MARKERS, strict=False):
                line = fit_line(curve.x, y)
                ends = np.array([0, max(curve.x)])
                label = f'{name}, R² {line.r2:.3f}'
                panel.plot(curve.x, y, marker, color=colour, label=label)
                panel.plot(ends, line.offset + line.slope * ends, color=colour, linewidth=1)
            panel.set(xlabel=AXES[curve.axis], xlim=(0, None), ylim=(0, None))
            panel.locator_params(axis='x', nbins=5)
            panel.legend()
        panels[0][0].set_ylabel('milliseconds')
        figure.suptitle(title, fontsize=9)
    return figure


def _trial(cfg: Config, axis: str, value: int, device, state: str, seed: int) -> Trial:
    cfg = copy.deepcopy(cfg)
    if axis == 'maps':
        cfg.model.correlation.num_maps = value
    if axis == 'classes':
        cfg.model.student.decode_head.num_classes = value
        cfg.model.correlation.num_classes = value
    size = fit_size(cfg, (value, value) if axis == 'crop' else None)
    batch = made_batch(cfg, size, value if axis == 'batch' else None, seed)
    trial = build(cfg, f'{axis} {value}', itertools.repeat(batch), device, seed)
    set_state(trial, state)
    trial.timeline.weigh = False
    return trial


def _median(found: list[dict], left_out: tuple[str, ...]) -> float:
    sums = [sum(s for name, s in parts.items() if name not in left_out) for parts in found]
    return 1e3 * statistics.median(sums)
