"""The parts of French et al. together: their geometry, each variant's config, a real Runner."""

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import MODELS

from mmseg_plugins.errors import UserError

LEAF = """
_base_ = [
    '{configs}/_base_/benchmarks/shapes.py',
    '{configs}/_base_/networks/deeplabv3plus-r18n.py',
    '{configs}/_base_/methods/{method}.py',
    '{configs}/_base_/schedules/adamw_poly.py',
    '{configs}/_base_/runtime.py',
]
network = _base_.network
network.decode_head.num_classes = 6
model = dict(
    student=network,
    data_preprocessor=dict(
        type='MultiBranchDataPreprocessor',
        data_preprocessor=_base_.data_preprocessor,
    ),
)
geometry = [
    dict(type='RandomScaleWindow', crop_size=(33, 33)),
    dict(type='RandomFlip', prob=0.5),
]
load = dict(type='LoadImageFromFile')
labeled = _base_.labeled
labeled.pipeline = [load, dict(type='LoadIndexMask'), *geometry]
unlabeled = _base_.unlabeled
unlabeled.pipeline = [load, dict(type='LoadValidMask'), *geometry]
train_dataloader = dict(
    batch_size=2 * {streams},
    num_workers=0,
    sampler=dict(
        type='MultiSourceSampler', source_ratio=[2] * {streams}, coupled_to=_base_.coupled_to
    ),
    dataset=dict(
        type='SemiDataset',
        benchmark='tiny',
        labeled=labeled,
        unlabeled=unlabeled,
        streams=_base_.streams,
    ),
)
val_dataloader = dict(num_workers=0, persistent_workers=False)
train_cfg = dict(max_iters=2, val_interval=2)
param_scheduler = dict(end=4)
default_hooks = dict(checkpoint=dict(interval=2))
"""
STREAMS = dict(cutmix=3, cutmix_colour=3, cutout=2, cutout_colour=2)


@pytest.fixture
def config(tiny_data, root, monkeypatch):
    monkeypatch.chdir(tiny_data.parent)

    def make(method):
        leaf = tiny_data.parent / f'{method}.py'
        leaf.write_text(
            LEAF.format(configs=root / 'configs', method=method, streams=STREAMS[method])
        )
        cfg = Config.fromfile(leaf)
        cfg.work_dir = str(tiny_data.parent / 'run')
        return cfg

    return make


@pytest.mark.parametrize('method', STREAMS)
def test_batches_of_each_variant(config, method):
    cfg = config(method)
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    model = MODELS.build(cfg.model)
    views = {'sup', 'unsup_weak'}
    if 'colour' in method:
        views |= {'unsup_strong'}
    if 'cutmix' in method:
        views |= {f'{view}_mix' for view in views - {'sup'}}
    seen = []
    for _, data in zip(range(4), loader, strict=False):
        data = model.data_preprocessor(data, training=True)
        assert set(data['inputs']) == views
        weak, strong = data['inputs']['unsup_weak'], model.strong(data['inputs'])
        for view in ('sup', 'unsup_weak'):
            valid = model.valid(data['data_samples'][view])
            assert valid.dtype == torch.float32 and valid.shape == (2, 33, 33)
            assert (data['inputs'][view] * (valid == 0).unsqueeze(1) == 0).all()
        seen.append((torch.equal(weak, strong), bool((valid < 1).any())))
        losses = model.loss(**data)
        assert all(torch.isfinite(value).all() for key, value in losses.items() if 'loss' in key)
    same, padded = zip(*seen, strict=True)
    assert any(padded) and all(same) == ('colour' not in method)


def test_a_run_without_the_hook_fails_at_its_first_step(config):
    cfg = config('cutout_colour')
    cfg.custom_hooks = [hook for hook in cfg.custom_hooks if hook.type != 'MeanTeacherHook']
    with pytest.raises(UserError, match="no hook moves the teacher.* add dict.type='MeanTe"):
        Runner.from_cfg(cfg).train()


def test_a_run_and_its_continuation_move_the_teacher(config):
    cfg = config('cutout_colour')
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert 'val/mIoU' in runner.message_hub.log_scalars
    teacher = runner.model.teacher.state_dict()['decode_head.conv_seg.weight'].clone()
    cfg.train_cfg.update(max_iters=4)
    cfg.update(resume=True, experiment_name='continued')
    runner = Runner.from_cfg(cfg)
    runner.train()
    student, moved = (
        network.state_dict()['decode_head.conv_seg.weight']
        for network in (runner.model.student, runner.model.teacher)
    )
    assert not torch.equal(moved, teacher) and not torch.equal(moved, student)
    # two more steps of 1 % each towards the student
    assert (moved - teacher).abs().max() < 0.03 * (student - teacher).abs().max()
