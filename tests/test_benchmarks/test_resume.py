"""A training that stops in the middle and resumes ends as one that never stopped, bit by bit."""

import hashlib
import itertools
import json
import time
from functools import partial

import lidar
import pytest
import replicas
import shrink_lidar
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from shrink import shrink

from mmseg_plugins.datasets.prepare import scans

ITERS = 6
NUMBERS = itertools.count()
NAMES = {
    'suponly': 'suponly/suponly_deeplabv3plus-r101_4xb2u0_voc_classic_92-321.py',
    'cutmix': 'cutmix/cutmix_deeplabv3plus-r101_4xb2u2_voc_classic_92-321.py',
    'corrmatch': 'corrmatch/corrmatch_deeplabv3plus-r101_4xb2u2_voc_classic_92-321.py',
    'french': 'cutmix/cutmix_deeplabv2-r101_1xb10u10_voc_french_106-321.py',
    'average': 'suponly/suponly_deeplabv2-r101_1xb10u0_voc_french_106-321.py',
}


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


def digest(work_dir):
    """SHA-256 over all that is learnt: weights, teacher, average, threshold, momenta, schedule."""
    saved = torch.load(work_dir / f'iter_{ITERS}.pth', weights_only=False)
    found = hashlib.sha256()
    states = saved['optimizer']['state']
    tensors = {**saved['state_dict'], **saved.get('ema_state_dict', {})}
    tensors.update({f'{i}.{k}': v for i, state in states.items() for k, v in state.items()})
    for name in sorted(tensors):
        found.update(name.encode() + torch.as_tensor(tensors[name]).numpy().tobytes())
    found.update(repr(saved.get('param_schedulers')).encode())
    return found.hexdigest()


def logged(work_dir):
    """Losses of each iteration and scores of each validation, the last of those told twice."""
    lines = {}
    for path in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in map(json.loads, path.read_text().splitlines()):
            kind = 'val' if 'mIoU' in line else 'train'
            times = ('time', 'data_time', 'memory')
            lines[kind, line['step']] = {k: v for k, v in line.items() if k not in times}
    return lines


@pytest.mark.parametrize(('method', 'workers'), [*((name, 0) for name in NAMES), ('corrmatch', 2)])
def test_resumed(method, workers, config, recorded, at, tmp_path, quick):
    name = NAMES[method]
    french = method in ('french', 'average')
    benchmark = f'voc_{"french_106" if french else "classic_92"}'
    data = replicas.prepared(tmp_path, 'voc12', [benchmark])
    if french:  # all images are unlabelled ones
        labelled, rest = (data / f'splits/{benchmark}/{w}.txt' for w in ('labeled', 'unlabeled'))
        rest.write_text(labelled.read_text() + rest.read_text())
    recorded(at(data))
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
    assert digest(tmp_path / 'parts') == digest(tmp_path / 'whole')
    assert logged(tmp_path / 'parts') == logged(tmp_path / 'whole')
    assert {step for _, step in logged(tmp_path / 'whole')} == set(range(1, ITERS + 1))
