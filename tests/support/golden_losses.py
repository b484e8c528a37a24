"""Losses of a short float64 training on generated inputs, held to committed numbers.

A refactoring must not move them. Where they move on purpose, write them anew and say so in
`CHANGELOG.md` under "Results changed":

    WRITE_GOLDEN=1 python -m pytest tests/test_segmentors -k golden_losses

Weights and images come from `numpy.random.RandomState`, whose streams never change.
"""

import json
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

FOLDER = Path(__file__).resolve().parents[1] / 'data/golden'


def fill(model: torch.nn.Module) -> torch.nn.Module:
    """Give every parameter and statistic a value that depends on its name only; float64."""
    model.double()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if not tensor.is_floating_point() or not tensor.dim():
                continue  # counters, and scalars such as a threshold
            z = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(tensor.shape)
            if tensor.dim() > 1:
                z *= np.sqrt(2 / np.prod(tensor.shape[1:]))
            elif name.endswith(('weight', 'running_var')):
                z = 1 + 0.1 * np.abs(z)
            else:
                z *= 0.1
            tensor.copy_(torch.from_numpy(z))
    return model


def scenes(num: int, size: int, num_classes: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (N, 3, S, S) of coloured blobs with noise, and their labels (N, S, S)."""
    rng = np.random.RandomState(seed)
    colours = np.random.RandomState(0).uniform(-2, 2, (num_classes, 3))
    rows, columns = np.mgrid[:size, :size]
    labels = np.zeros((num, size, size), dtype=np.int64)
    for label in labels:
        for _ in range(2 * num_classes):
            row, column = rng.uniform(0, size, 2)
            radius = rng.uniform(size / 8, size / 3)
            inside = (rows - row) ** 2 + (columns - column) ** 2 < radius**2
            label[inside] = rng.randint(num_classes)
    noise = 0.5 * rng.standard_normal((num, 3, size, size))
    return torch.from_numpy(colours[labels].transpose(0, 3, 1, 2) + noise), torch.from_numpy(labels)


def batch(views, step: int, num: int = 2, size: int = 33, num_classes: int = 4) -> tuple:
    """Views and samples of one step: labels on ``sup``, else only padding is marked."""
    inputs, samples = {}, {}
    for i, view in enumerate(views):
        image, label = scenes(num, size, num_classes, seed=100 * step + i)
        if view != 'sup':
            label.zero_()
        label[0, -size // 8 :, :] = 255
        inputs[view] = image
        samples[view] = [
            SegDataSample(
                gt_sem_seg=PixelData(data=value[None]),
                metainfo=dict(img_shape=(size, size), ori_shape=(size, size)),
            )
            for value in label
        ]
    return inputs, samples


def train(
    model, batches, steps: int = 10, lr: float = 0.01, after_step=None, optimizer=None
) -> list[dict]:
    """Steps on a model in float64; seeds every step.

    Args:
        model: A segmentor, filled.
        batches (list[tuple]): What ``model.loss`` takes, one entry per step, repeated as needed.
        steps (int): Defaults to 10.
        lr (float): Learning rate. Defaults to 0.01.
        after_step (callable, optional): Called with the step's number, to move a teacher, say.
        optimizer (Optimizer, optional): Instead of SGD at ``lr``. Defaults to None.

    Returns:
        list[dict[str, float]]: What is logged at each step: losses, their sum ``loss``, metrics.
    """
    model.train()
    if optimizer is None:
        parameters = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.SGD(parameters, lr=lr, momentum=0.9, weight_decay=1e-4)
    history = []
    for step in range(steps):
        torch.manual_seed(step)
        np.random.seed(step)
        total, log = model.parse_losses(model.loss(*batches[step % len(batches)]))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        if after_step:
            after_step(step)
        history.append({key: value.item() for key, value in log.items()})
    return history


def check(name: str, history: list[dict], rtol: float = 1e-8) -> None:
    """Compare with ``tests/data/golden/regression_<name>.json``, or write it (see above)."""
    path = FOLDER / f'regression_{name}.json'
    if os.environ.get('WRITE_GOLDEN'):
        path.write_text(json.dumps(history, indent=1) + '\n')
        pytest.skip(f'wrote {path.name}')
    expected = json.loads(path.read_text())
    assert len(history) == len(expected)
    for step, (ours, theirs) in enumerate(zip(history, expected, strict=True)):
        assert ours == pytest.approx(theirs, rel=rtol, abs=1e-12), f'step {step}'
