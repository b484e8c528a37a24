"""The parts of French et al. together: the leaves' recipe, each variant's batches, a Runner."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner, set_random_seed
from mmseg.registry import HOOKS, MODELS, TASK_UTILS, TRANSFORMS

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
METHODS = [method.replace('_', '-') for method in STREAMS]


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


VOC, CITY = '1xb10u{}_voc_french_106-321', '1xb4u{}_cityscapes_french_100-256x512'
V2, V3PLUS = 'deeplabv2-r101', 'deeplabv3plus-r101'
LEAVES = [
    *((f'cutmix/{method}_{V2}', place) for method in METHODS for place in (VOC, CITY)),
    *((f'cutmix/{method}_{V3PLUS}', VOC) for method in METHODS[:2]),
    *((f'suponly/suponly_{network}', VOC) for network in (V2, V3PLUS)),
    (f'suponly/suponly_{V2}', CITY),
]


def built(pipeline, kind):
    (found,) = [transform for transform in pipeline if transform.type == kind]
    return TRANSFORMS.build(found)


@pytest.mark.parametrize(('name', 'place'), LEAVES)
def test_the_recipe_of_the_leaves(root, name, place):
    """Specification 1.1, 1.6 to 1.8, 2.2, 2.5 and 3, where the numbers have their effect."""
    alone, batch = 'suponly' in name, 10 if place == VOC else 4
    cfg = Config.fromfile(root / f'configs/{name}_{place.format(0 if alone else batch)}.py')
    data, sampler = cfg.train_dataloader.dataset, cfg.train_dataloader.sampler
    assert cfg.train_cfg.max_iters == 40_000 and cfg.train_cfg.val_interval == 1000
    assert cfg.protocol.selection == 'last' and cfg.val_evaluator.absent == 'zero'
    assert not sampler.get('coupled_to') and 'param_scheduler' not in cfg
    for source in [data.labeled] if alone else [data.labeled, data.unlabeled]:
        window = built(source.pipeline, 'RandomScaleWindow')
        scales = [scale / 10 for scale in range(5, 16)] if place == VOC else [1]
        assert list(window.scales) == pytest.approx(scales)
        assert window.crop_size == ((321, 321) if place == VOC else (256, 512))
        assert built(source.pipeline, 'RandomFlip').prob == 0.5
    if alone:
        assert sampler.source_ratio == [batch]
        (hook,) = cfg.custom_hooks
        assert (hook.type, hook.ema_type) == ('EMAHook', 'ExponentialMovingAverage')
        assert hook.momentum == 0.01 and hook.update_buffers
        return
    cut = 'cutout' in name
    assert sampler.source_ratio == [batch] * (2 if cut else 3)
    teacher, ramp = map(HOOKS.build, cfg.custom_hooks)
    assert teacher.momentum == 0.01 and teacher.update_buffers and ramp.ramp_up <= 0
    loss, box = MODELS.build(cfg.model.consistency), TASK_UTILS.build(cfg.model.box)
    assert (loss.kind, loss.threshold, loss.per_pixel, loss.divisor) == ('var', 0.97, False, 'all')
    assert tuple(box.area) == ((0, 1) if cut else (0.5, 0.5)) and box.prob == 1
    assert box.random_aspect and box.partner == ('none' if cut else 'stream')
    assert cfg.model.predict_on == 'teacher' and 'unsup_weight' not in cfg.model
    views = {view: p for s in data.streams for view, p in s.pipeline[0].items() if 'strong' in view}
    assert len(views) == (('colour' in name) * (1 if cut else 2))
    for pipeline in views.values():
        strong = built(pipeline, 'StrongAugment')
        jitter = strong.jitter
        for factor in (jitter.brightness, jitter.contrast, jitter.saturation):
            assert factor == pytest.approx((0.6, 1.4))
        assert jitter.hue == pytest.approx((-0.1, 0.1))
        assert (strong.jitter_prob, strong.gray.p, strong.blur_prob) == (0.8, 0.2, 0)


@pytest.mark.parametrize('method', STREAMS)
def test_batches_of_each_variant(config, monkeypatch, method):
    set_random_seed(0)
    cfg = config(method)
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    model = MODELS.build(cfg.model)
    views = {'sup', 'unsup_weak'}
    if 'colour' in method:
        views |= {'unsup_strong'}
    if 'cutmix' in method:
        views |= {f'{view}_mix' for view in views - {'sup'}}
    monkeypatch.setattr(model.box, 'draw', lambda *_: np.array([[0, 0, 33, 16]] * 2))
    segment, shown = model.segment, []

    def record(network, image):
        shown.append((network is model.teacher, image))
        return segment(network, image)

    monkeypatch.setattr(model, 'segment', record)
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
        shown.clear()
        losses = model.loss(**data)
        # the teacher is shown weak views, the student a mixture of strong ones
        taught = [image for is_teacher, image in shown if is_teacher]
        weak_views = ['unsup_weak', 'unsup_weak_mix'][: 2 if 'cutmix' in method else 1]
        expected = [data['inputs'][view] for view in weak_views]
        assert all(map(torch.equal, taught, expected)) and len(taught) == len(expected)
        (mixture,) = [image for is_teacher, image in shown if not is_teacher]
        if 'cutmix' in method:
            inside, outside = model.strong(data['inputs'], '_mix'), strong
        else:
            inside, outside = strong, torch.zeros_like(strong)
        assert torch.equal(mixture[..., :16], inside[..., :16])
        assert torch.equal(mixture[..., 16:], outside[..., 16:])
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
    cfg.default_hooks.resume.allow_changes = True
    runner = Runner.from_cfg(cfg)
    runner.train()
    student, moved = (
        network.state_dict()['decode_head.conv_seg.weight']
        for network in (runner.model.student, runner.model.teacher)
    )
    assert not torch.equal(moved, teacher) and not torch.equal(moved, student)
    # two more steps of 1 % each towards the student
    assert (moved - teacher).abs().max() < 0.03 * (student - teacher).abs().max()
