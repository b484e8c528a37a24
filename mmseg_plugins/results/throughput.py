"""GPU hours of a cell, from the measured throughput of runs like it."""

import json

import pandas as pd

from mmseg_plugins.matrix import Leaf
from mmseg_plugins.results.statistics import on_gpu
from mmseg_plugins.results.table import numeric


def gpu_throughput(runs: pd.DataFrame) -> dict[tuple[str, str, str], float]:
    """Images per second and GPU by method, network and crop.

    Only runs on a GPU count, and of them those that measured a throughput, finished or not. A
    method is part of the key, for methods make unequal views of an image.

    Args:
        runs (pd.DataFrame): ``runs.csv``.

    Returns:
        dict[tuple[str, str, str], float]: The median over runs; nothing is known of what is not in
        it.
    """
    runs = numeric(runs[runs['device'].map(on_gpu).astype(bool)])
    found: dict[tuple[str, str, str], list[float]] = {}
    for run in runs.itertuples():
        if run.images_per_s > 0 and run.world_size > 0:
            crop = json.loads(run.protocol or '{}').get('crop')
            key = (run.method, run.network, str(crop))
            found.setdefault(key, []).append(run.images_per_s / run.world_size)
    return {key: float(pd.Series(values).median()) for key, values in found.items()}


def estimate_gpu_hours(leaf: Leaf, throughput: dict[tuple[str, str, str], float]) -> float:
    """GPU hours that the training of one run takes, its validations not included.

    Args:
        leaf (Leaf): The leaf.
        throughput (dict[tuple[str, str, str], float]): From :func:`gpu_throughput`.

    Returns:
        float: Hours of all GPUs together; NaN where nothing like it was measured.
    """
    protocol = leaf.protocol
    speed = throughput.get((protocol['method'], protocol['network'], str(protocol['crop'])))
    if speed is None:
        return float('nan')
    images = protocol['iterations'] * sum(leaf.ratio) * protocol['gpus']
    return images / speed / 3600
