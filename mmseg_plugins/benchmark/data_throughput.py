"""How many images a core prepares in a second, and how many a training eats."""

import math
import statistics
import time
from collections.abc import Sequence
from itertools import islice
from typing import Any

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmseg_plugins.datasets.samplers import Draw

from .timed_transforms import TimedTransforms


def build_loader(cfg: Config, workers: int) -> DataLoader:
    """The training loader of a leaf.

    Args:
        cfg (Config): The leaf.
        workers (int): Processes; 0 loads in this one.

    Returns:
        DataLoader: As a run builds it, with seed 0.
    """
    init_default_scope('mmseg')
    loader = dict(cfg.train_dataloader, num_workers=workers, persistent_workers=False)
    loader.pop('prefetch_factor', None)
    return Runner.build_dataloader(loader, seed=0)


def measure_streams(cfg: Config, draws: int = 40, repeats: int = 5) -> list[dict[str, Any]]:
    """Time each stream of a leaf in this process, on one core.

    The same draws are made in every repeat, in turn with those of the other streams, so that a
    busy machine slows all of them.

    Args:
        cfg (Config): The leaf.
        draws (int): Samples of a stream in a repeat. Defaults to 40.
        repeats (int): How often they are made, after one time that does not count. Defaults to 5.

    Returns:
        list[dict]: For each stream ``source``, ``views``, ``images`` (of it in a batch), ``ms``
        (median over the repeats of a core's milliseconds for a sample), ``spread`` (lowest and
        highest), ``wall_ms`` (with waiting, for the disk or for other processes) and
        ``transforms`` (class to milliseconds per sample, the costliest first; what is left is
        reading the data info and seeding).
    """
    dataset = build_loader(cfg, 0).dataset
    streams = dataset.datasets
    first = [0, *dataset.cumulative_sizes]
    timers = [TimedTransforms(stream.pipeline) for stream in streams]
    times: list[list[float]] = [[] for _ in streams]
    walls: list[list[float]] = [[] for _ in streams]
    for repeat in range(repeats + 1):
        for number, stream in enumerate(streams):
            if repeat == 1:
                timers[number].seconds.clear()
            start, wall = time.thread_time(), time.perf_counter()
            for draw in range(draws):
                dataset[Draw.of(first[number] + draw % len(stream), 0, number, draw)]
            times[number].append((time.thread_time() - start) / draws * 1000)
            walls[number].append((time.perf_counter() - wall) / draws * 1000)
    found = []
    ratio = cfg.train_dataloader.sampler.source_ratio
    for number, timer in enumerate(timers):
        ms = sorted(times[number][1:])
        parts = {key: 1000 * value / draws / repeats for key, value in timer.seconds.items()}
        found.append(
            {
                'source': dataset.sources[number],
                'views': _views(cfg.train_dataloader.dataset.streams[number]['pipeline']),
                'images': ratio[number],
                'ms': statistics.median(ms),
                'spread': [ms[0], ms[-1]],
                'wall_ms': statistics.median(walls[number][1:]),
                'transforms': dict(sorted(parts.items(), key=lambda part: -part[1])),
            }
        )
    return found


def _views(pipeline: Sequence[dict]) -> list[str]:
    last = pipeline[-1]
    return [view for view in last.get('branch_field', ['sup']) if view in last] or ['sup']


def measure_loader(cfg: Config, workers: int, batches: int = 20) -> float:
    """Images per second that the loader gives when nothing else runs.

    Args:
        cfg (Config): The leaf.
        workers (int): Its processes.
        batches (int): After one for each worker that does not count. Defaults to 20.

    Returns:
        float: Images of all streams per second.
    """
    iterator = iter(build_loader(cfg, workers))
    for _ in islice(iterator, max(workers, 1) * 2):  # those that were made while none was taken
        pass
    start = time.perf_counter()
    for _ in islice(iterator, batches):
        pass
    return batches * cfg.train_dataloader.batch_size / (time.perf_counter() - start)


def against_step(streams: list[dict[str, Any]], step_ms: float | None) -> dict[str, Any]:
    """What the streams' times mean for a batch and for a training step.

    Args:
        streams (list[dict]): What :func:`measure_streams` returned.
        step_ms (float, optional): Milliseconds of a step on the GPU that is fed.

    Returns:
        dict: ``images_per_s`` of one core over the mix of a batch, ``batch_ms`` of one core; with
        a step also ``needed_images_per_s`` and ``cores`` that reach it.
    """
    images = sum(stream['images'] for stream in streams)
    batch_ms = sum(stream['images'] * stream['ms'] for stream in streams)
    found = {'batch': images, 'batch_ms': batch_ms, 'images_per_s': 1000 * images / batch_ms}
    if step_ms is not None:
        needed = 1000 * images / step_ms
        found.update(step_ms=step_ms, needed_images_per_s=needed)
        found['cores'] = math.ceil(batch_ms / step_ms)
    return found
