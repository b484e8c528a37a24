"""A training that stops in the middle and resumes ends as one that never stopped, bit by bit."""

import itertools
import time
from functools import partial

import lidar
import pytest
import shrink_lidar
from mmengine.hooks import Hook
from mmengine.runner import Runner
from resumable import NAMES, digest, logged, voc
from shrink import shrink

from mmseg_plugins.datasets.prepare import scans

ITERS = 6
NUMBERS = itertools.count()


class Stop(Hook):
    """End the training before an iteration, as a power failure would."""

    def __init__(self, at):
        self.at = at

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.at:
            raise InterruptedError


def train(cfg, work_dir, workers=0, stop=None, resume=False, shrink=shrink):
    cfg = shrink(cfg, work_dir)
    cfg.train_cfg.update(max_iters=ITERS, val_interval=3)
    cfg.default_hooks.checkpoint.interval = 2
    cfg.default_hooks.logger.interval = 1
    cfg.train_dataloader.num_workers = workers
    cfg.resume = resume
    # MMEngine's log of a run is found by this name; starts in one second and process would share it
    cfg.experiment_name = f'start_{next(NUMBERS)}'
    time.sleep(1)  # a start's folder, logger and history of losses have its second as name
    runner = Runner.from_cfg(cfg)
    runner.register_hook(Stop(stop))
    if stop is None:
        runner.train()
    else:
        with pytest.raises(InterruptedError):
            runner.train()


@pytest.mark.parametrize(('method', 'workers'), [*((name, 0) for name in NAMES), ('corrmatch', 2)])
def test_resumed(method, workers, config, recorded, at, tmp_path, quick):
    name = NAMES[method]
    recorded(at(voc(tmp_path, method)))
    compare(config, name, tmp_path, workers)


def test_scans_resumed(config, at, tmp_path, quick):
    data = tmp_path / 'data'
    scans.prepare(data, counts=(8, 2), labelled=(4,), nuscenes_counts=(0, 0))
    at(data)
    name = 'cutmix/cutmix_fidnet-n_1xb4u4_scans_4-32x256.py'
    compare(config, name, tmp_path, shrink=shrink_lidar.shrink)


def test_kitti_resumed(config, recorded, at, tmp_path, quick):
    """One cycle of the learning rate, labelled partners, hard labels and clean images."""
    data = lidar.prepared(tmp_path, 'semantickitti', ('semantickitti_10pct',))
    recorded(at(data))
    name = 'cutmix/cutmix-lu_fidnet_1xb8u8_semantickitti_10pct-64x2048.py'
    compare(config, name, tmp_path, shrink=partial(shrink_lidar.shrink, iters=ITERS))


def compare(config, name, tmp_path, workers=0, **kwargs):
    """Train without a stop and with two."""
    train(config(name), tmp_path / 'whole', **kwargs)
    # more workers may not matter either, nor that the last checkpoint lies an iteration back
    train(config(name), tmp_path / 'parts', workers, stop=3, **kwargs)
    train(config(name), tmp_path / 'parts', workers, stop=5, resume=True, **kwargs)
    train(config(name), tmp_path / 'parts', workers, resume=True, **kwargs)
    assert digest(tmp_path / 'parts', ITERS) == digest(tmp_path / 'whole', ITERS)
    assert logged(tmp_path / 'parts') == logged(tmp_path / 'whole')
    assert {step for _, step in logged(tmp_path / 'whole')} == set(range(1, ITERS + 1))
