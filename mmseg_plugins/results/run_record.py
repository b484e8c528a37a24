"""The record of a training while it runs."""

import hashlib
import json
import os
import re
import socket
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mmengine.dist import get_world_size
from mmengine.runner import BaseLoop, Runner

from mmseg_plugins.loops import step_batch
from mmseg_plugins.results.atomic import write_atomic
from mmseg_plugins.results.environment import (
    device_name,
    git_state,
    peak_mib,
    versions,
)
from mmseg_plugins.results.json_safe import json_safe
from mmseg_plugins.results.literals import find_key
from mmseg_plugins.results.record_file import SCHEMA


class RunRecord:
    """Knows what a run is and how far it came, and writes it to ``run.json``, always whole.

    Args:
        runner (Runner): The runner; its data need not be built.
        heartbeat_s (float): Longest time in seconds between two writes, for readers.
        devices (list[str], optional): The device of every rank. Defaults to None: of this one.

    Attributes:
        content (dict): The record, as ``results/README.md`` defines it.
        path (Path): Its file.
    """

    def __init__(
        self, runner: Runner, heartbeat_s: float, devices: list[str] | None = None
    ) -> None:
        self.path = Path(runner.log_dir) / 'run.json'
        self.written = self._began = time.monotonic()
        self._pid = os.getpid()
        self._device = next(runner.model.parameters()).device
        self._images, self._seconds = 0, 0.0
        devices = devices or [device_name(self._device)]
        self.content = self._describe(runner, heartbeat_s, devices)

    def _describe(self, runner: Runner, heartbeat_s: float, devices: list[str]) -> dict[str, Any]:
        """Everything that is known before the first iteration."""
        cfg = runner.cfg
        protocol = json_safe(cfg.get('protocol') or {})
        if protocol and isinstance(runner._train_loop, BaseLoop):
            protocol['step'] = step_batch(runner)
        config = Path(cfg.filename).stem if cfg.filename else runner.experiment_name
        label_seed = find_key(cfg.get('train_dataloader'), 'label_seed')
        if label_seed is None:
            label_seed = protocol.get('label_seed')
        commit, dirty = git_state(cfg.filename, __file__)
        started = _now()
        # Readable, safe as a file name, and distinct for runs that start in the same second.
        where = f'{socket.gethostname()}:{self.path.resolve()}:{self._pid}:{started}'
        name = re.sub(r'[^\w.+-]+', '-', f'{config}-seed{runner.seed}-{runner.timestamp}')
        return {
            'schema': SCHEMA,
            'run_id': f'{name}-{hashlib.sha256(where.encode()).hexdigest()[:6]}',
            'config': config,
            'cell': protocol.get('cell'),
            'protocol': protocol,
            'seed': runner.seed,
            'label_seed': json_safe(label_seed),
            'status': 'running',
            'reason': None,
            'iters_done': 0,
            'resumed_from': None,
            'metrics': {'last': None, 'best': None},
            'world_size': get_world_size(),
            **_data(runner),
            'device': devices[0],
            'devices': devices,
            'images_per_s': None,
            'peak_mib': None,
            'wall_s': 0.0,
            'heartbeat_s': heartbeat_s,
            'commit': commit,
            'dirty': dirty,
            'versions': versions(),
            'command': list(sys.argv),
            'started': started,
            'updated': started,
            'ended': None,
        }

    @property
    def is_open(self) -> bool:
        """Whether the run has not ended."""
        return self.content['status'] == 'running'

    def timed(self, seconds: float) -> None:
        """Count an iteration for the throughput."""
        batches = self.content['protocol'].get('step', {}).get('accumulate', 1)
        images = (self.content['batch_size'] or 0) * self.content['world_size']
        self._images += images * batches
        self._seconds += seconds

    def scored(self, iteration: int, metrics: dict[str, float]) -> None:
        """Take the last and the best validation.

        Args:
            iteration (int): Finished iterations.
            metrics (dict[str, float]): In percent: ``mIoU`` and ``IoU.<class>``.
        """
        classes = {
            name.removeprefix('IoU.'): value
            for name, value in metrics.items()
            if name.startswith('IoU.')
        }
        last = {'iter': iteration, 'mIoU': metrics.get('mIoU'), 'iou_per_class': classes}
        last = json_safe(last)
        results = self.content['metrics']
        results['last'] = last
        best = results['best']
        if best is None or (last['mIoU'] is not None and last['mIoU'] > (best['mIoU'] or -1)):
            results['best'] = last

    def reopen(self) -> None:
        """Take an end back: the process lives on."""
        self.content.update(status='running', reason=None, ended=None)

    def close(self, status: str, reason: str | None) -> None:
        """Write the end, once and only in the process that began.

        Args:
            status (str): ``finished``, ``failed`` or ``interrupted``.
            reason (str, optional): Why, in one line.
        """
        if not self.is_open or os.getpid() != self._pid:
            return
        self.content.update(status=status, reason=reason, ended=_now())
        try:
            self.write()
        except OSError as error:
            print(f'cannot update {self.path}: {error.strerror}', file=sys.stderr)

    def write(self) -> None:
        """Write the record.

        Raises:
            OSError: If that is not possible; the file is as it was.
        """
        self.written = time.monotonic()
        self.content.update(
            updated=_now(),
            wall_s=round(self.written - self._began, 1),
            peak_mib=peak_mib(self._device),
        )
        if self._images and self._seconds:
            self.content['images_per_s'] = round(self._images / self._seconds, 3)
        text = json.dumps(json_safe(self.content), indent=1, allow_nan=False)
        write_atomic(self.path, text + '\n')


def training_of(error: BaseException) -> Runner | None:
    """The runner whose training an exception has left; None if it was no training.

    MMEngine calls the first hook when the data are built. Until then only the frames that the
    exception went through know the runner.

    Args:
        error (BaseException): The exception.

    Returns:
        Runner | None: The runner.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code is Runner.train.__code__:
            return frame.f_locals.get('self')
    return None


def _data(runner: Runner) -> dict[str, Any]:
    """What is trained on, as far as it is built."""
    loop, config = runner._train_loop, runner._train_dataloader
    if isinstance(loop, BaseLoop):
        loader = loop.dataloader
        batch_size = loader.batch_size or getattr(loader.batch_sampler, 'batch_size', None)
        dataset, sampler = loader.dataset, loader.sampler
        planned = loop.max_iters
    else:
        batch_size = config.get('batch_size') if isinstance(config, dict) else None
        dataset = sampler = None
        planned = loop.get('max_iters') if isinstance(loop, dict) else None
    streams = getattr(dataset, 'sources', [])
    images = dict(zip(streams, map(len, getattr(dataset, 'datasets', [])), strict=False))
    batches: dict[str, int] = {}
    for source, count in zip(streams, getattr(sampler, 'source_ratio', []), strict=False):
        batches[source] = batches.get(source, 0) + count
    named = (runner.cfg.get('train_dataloader') or {}).get('dataset') or {}
    return {
        'iters_planned': planned or 0,
        'batch_size': batch_size,
        'batches': batches or None,
        'data': {
            'benchmark': named.get('benchmark'),
            'labelled_images': images.get('labeled'),
            'unlabelled_images': images.get('unlabeled'),
        },
    }


def _now() -> str:
    """The time as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).strftime('%Y-%m-%dT%H:%M:%SZ')
