"""Both methods around segmentors not written for them, and at the edges of their input."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.registry import MODEL_WRAPPERS
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from students import FCN, RESNET, STUDENTS, batch, corrmatch, cutmix, encoder_decoder

from mmseg_plugins.errors import UserError
from mmseg_plugins.hooks import MeanTeacherHook

TERMS = {
    'unsup.loss_hard',
    'unsup.loss_kl',
    'unsup.loss_fp',
    'unsup.loss_corr_strong',
    'unsup.loss_corr_weak',
}


def step(model, inputs, samples):
    losses = model.loss(inputs, samples)
    total, log = model.parse_losses(losses)
    total.backward()
    assert torch.isfinite(total)
    return losses, log


@pytest.mark.parametrize('name', STUDENTS)
def test_cutmix_trains_any_student(name):
    torch.manual_seed(0)
    model = MODELS.build(
        cutmix(STUDENTS[name][0], consistency=dict(type='ConsistencyLoss', threshold=0))
    )
    losses, log = step(model, *batch())
    assert log['unsup.loss_consistency'] > 0 and log['mask_ratio'] == 1
    assert any(key.startswith('sup.') and 'loss' in key for key in losses)
    grads = [p.grad for p in model.student.parameters() if p.requires_grad]
    assert sum(g is not None and bool(g.any()) for g in grads) > len(grads) / 2
    assert all(p.grad is None for p in model.teacher.parameters())


@pytest.mark.parametrize('name', STUDENTS)
def test_corrmatch_trains_any_student(name):
    torch.manual_seed(0)
    model = MODELS.build(corrmatch(*STUDENTS[name], thresh_init=0.35))
    losses, log = step(model, *batch())
    assert set(losses) >= TERMS
    assert any(key.startswith('sup.corr.loss') for key in losses)
    if name == 'psp_aux':
        assert 'sup.aux.loss_ce' in losses
    if name == 'ocr_cascade':
        assert {'sup.decode_0.loss_ce', 'sup.decode_1.loss_ce'} <= set(losses)
    for part in (model.student.backbone, model.student.decode_head, model.correlation):
        assert any(p.grad is not None and p.grad.any() for p in part.parameters())
    assert 0 < log['threshold'] < 1


def test_corrmatch_threshold_zero_uses_every_pixel():
    torch.manual_seed(0)
    model = MODELS.build(corrmatch(*STUDENTS['fcn'], thresh_init=0.0, thresh_update=False))
    _, log = step(model, *batch())
    assert log['threshold'] == 0 and log['mask_ratio'] == 1


def test_corrmatch_partner_pass_leaves_the_student_as_it_was():
    backbone = {**RESNET, 'norm_eval': True}  # frozen statistics must stay frozen
    model = MODELS.build(corrmatch(encoder_decoder(backbone, FCN), 32)).train()
    modes = {name: module.training for name, module in model.named_modules()}
    assert not modes['student.backbone.layer1.0.bn1'] and modes['student.decode_head']
    model.loss(*batch())
    assert {name: module.training for name, module in model.named_modules()} == modes


@pytest.mark.parametrize('method', [cutmix, lambda s: corrmatch(s, 32)])
def test_partner_of_the_same_batch_needs_no_mix_stream(method):
    cfg = method(STUDENTS['fcn'][0])
    inputs, samples = batch(views=('sup', 'unsup_weak', 'unsup_strong'))
    with pytest.raises(UserError, match="needs the view unsup_weak_mix; .* partner='batch'"):
        MODELS.build(cfg).loss(inputs, samples)
    kind = 'FrenchBox' if cfg['type'] == 'CutMix' else 'UniMatchBox'
    model = MODELS.build({**cfg, 'box': dict(type=kind, partner='batch')})
    mixed, mixed_samples = model.add_partner(inputs, samples)
    assert torch.equal(mixed['unsup_weak_mix'][0], inputs['unsup_weak'][1])
    assert mixed_samples['unsup_weak_mix'][0] is samples['unsup_weak'][1]
    step(model, inputs, samples)


@pytest.mark.parametrize('method', [cutmix, lambda s: corrmatch(s, 32)])
@pytest.mark.parametrize('case', ['all padding', 'labels all ignored', 'nothing confident'])
def test_degenerate_batches_are_finite(method, case):
    torch.manual_seed(0)
    cfg = method(STUDENTS['fcn'][0])
    if case == 'nothing confident':
        cfg.update(consistency=dict(type='ConsistencyLoss', threshold=1.0)) if cfg[
            'type'
        ] == 'CutMix' else cfg.update(thresh_init=1.0, thresh_update=False)
    inputs, samples = batch()
    for view in samples if case == 'all padding' else ['sup'] * (case == 'labels all ignored'):
        for sample in samples[view]:
            sample.gt_sem_seg.data.fill_(255)
    model = MODELS.build(cfg)
    losses, log = step(model, inputs, samples)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    if case != 'labels all ignored':
        unsup = [float(v) for k, v in losses.items() if k.startswith('unsup.loss')]
        assert unsup and not any(unsup)
    if case == 'nothing confident':
        assert log['mask_ratio'] == 0


@pytest.mark.parametrize('method', [cutmix, lambda s: corrmatch(s, 32, num_classes=2)])
def test_two_classes(method):
    head = {**FCN, 'num_classes': 2}
    model = MODELS.build(method(encoder_decoder(RESNET, head)))
    step(model, *batch(num_classes=2))


def test_one_output_channel_is_refused():
    loss = dict(type='CrossEntropyLoss', use_sigmoid=True)
    head = {**FCN, 'num_classes': 2, 'out_channels': 1, 'threshold': 0.3, 'loss_decode': loss}
    with pytest.raises(UserError, match='one output channel.* set out_channels=2'):
        MODELS.build(cutmix(encoder_decoder(RESNET, head)))


def test_unknown_options_are_refused():
    student = STUDENTS['fcn'][0]
    with pytest.raises(UserError, match=r"predict_on='ema' is not one of its networks"):
        MODELS.build({**cutmix(student), 'predict_on': 'ema'})
    with pytest.raises(UserError, match=r"predict_on='teacher' is not one of"):
        MODELS.build(corrmatch(student, 32, predict_on='teacher'))
    with pytest.raises(UserError, match=r"unknown loss_weights \['soft'\]"):
        MODELS.build(corrmatch(student, 32, loss_weights=dict(soft=1)))
    with pytest.raises(UserError, match=r"unknown kind='mse'; use one of"):
        MODELS.build(cutmix(student, consistency=dict(type='ConsistencyLoss', kind='mse')))
    with pytest.raises(UserError, match=r"unknown teacher_mode='test'; use 'train' or 'eval'"):
        MODELS.build(cutmix(student, teacher_mode='test'))
    with pytest.raises(UserError, match=r'prob=2'):
        MODELS.build(cutmix(student, box=dict(type='FrenchBox', prob=2)))


def test_cutmix_step_by_hand(monkeypatch):
    """Teacher logits of two images, mixed by the boxes; the mixed image; padding counts as zero."""
    torch.manual_seed(0)
    consistency = dict(type='ConsistencyLoss', threshold=0)
    model = MODELS.build(cutmix(STUDENTS['fcn'][0], unsup_weight=3.0, consistency=consistency))
    for parameter in model.teacher.parameters():  # the teacher must be seen to be used
        parameter.data.mul_(1.5)
    model.unsup_ramp = 0.5
    boxes = np.array([[2, 3, 20, 30], [0, 0, 33, 20]])
    monkeypatch.setattr(model.box, 'draw', lambda num, size, rng: boxes)
    inputs, samples = batch(views=('sup', 'unsup_weak', 'unsup_weak_mix'))
    samples['unsup_weak_mix'][1].gt_sem_seg.data[:, :, :10] = 255  # padding inside the second box

    box = torch.zeros(2, 1, 33, 49)
    box[0, :, 2:20, 3:30] = box[1, :, :, :20] = 1

    def mixed(outside, inside):
        return (1 - box) * outside + box * inside

    def valid(view):
        return (torch.stack([s.gt_sem_seg.data for s in samples[view]]) != 255).float()

    for network in (model.student, model.teacher):
        network.decode_head.dropout = None
    student, teacher = copy.deepcopy(model.student), copy.deepcopy(model.teacher)
    weak = 'unsup_weak', 'unsup_weak_mix'
    with torch.no_grad():
        target = mixed(*(model.segment(teacher, inputs[view]) for view in weak)).softmax(1)
        logits = model.segment(student, mixed(*(inputs[view] for view in weak)))
        distance = (logits.softmax(1) - target).square().sum(1, keepdim=True)
        expected = 3.0 * 0.5 * (distance * mixed(*map(valid, weak))).mean()
    losses = model.loss(inputs, samples)
    assert losses['unsup.loss_consistency'].item() == pytest.approx(expected.item(), rel=1e-5)


def test_cutout_keeps_the_box_and_takes_one_stream(monkeypatch):
    """Zero outside the box and not valid there; the teacher sees the whole image."""
    cfg = cutmix(STUDENTS['fcn'][0], consistency=dict(type='ConsistencyLoss', threshold=0))
    model = MODELS.build({**cfg, 'box': dict(type='FrenchBox', area=(0.0, 1.0), partner='none')})
    monkeypatch.setattr(
        model.box, 'draw', lambda num, size, rng: np.array([[2, 3, 20, 30], [5, 5, 5, 9]])
    )
    inputs, samples = batch(views=('sup', 'unsup_weak', 'unsup_strong'))
    views = model.forward_views(inputs)
    assert set(views) == {'unsup_weak'}
    image, target = model.mix(inputs, model.pseudo_label(views, samples))
    kept = inputs['unsup_strong'][0, :, 2:20, 3:30]
    assert torch.equal(image[0, :, 2:20, 3:30], kept) and image[0].count_nonzero() == kept.numel()
    assert not image[1].any() and not target['valid'][1].any()
    assert target['valid'][0].sum() == 18 * 27 and target['valid'][0, 2:20, 3:30].all()
    assert torch.equal(target['logits'], views['unsup_weak'])
    _, log = step(model, inputs, samples)
    assert log['unsup.loss_consistency'] > 0 and log['mask_ratio'] == 1  # over all pixels


def test_hard_labels_need_wholly_real_pixels():
    model = MODELS.build(corrmatch(*STUDENTS['fcn']))
    _, samples = batch(views=('unsup_weak',))
    for sample in samples['unsup_weak']:
        sample.valid = PixelData(data=torch.full((1, 33, 49), 0.5))
        sample.valid.data[:, 7:] = 1
    logits = torch.randn(2, 3, 33, 49)
    target = model.pseudo_label(dict(unsup_weak=logits), samples)['unsup_weak']
    assert target['valid'].dtype == torch.bool
    assert not target['valid'][:, :7].any() and target['valid'][:, 7:].all()


@pytest.mark.parametrize('method', [cutmix, lambda s: corrmatch(s, 32)])
def test_streams_of_unequal_batches(method):
    model = MODELS.build(method(STUDENTS['fcn'][0]))
    inputs, samples = batch()
    inputs['unsup_weak_mix'] = inputs['unsup_weak_mix'][:1]
    message = (
        r'unequal size: unsup_weak \(2, 3, 33, 49\), .* unsup_weak_mix \(1, 3, 33, 49\)'
        '.*; give both streams the same source_ratio'
    )
    with pytest.raises(UserError, match=message):
        model.loss(inputs, samples)


def test_a_teacher_that_nothing_moves_is_refused():
    """By the entry that a runner calls, also of a wrapped model; a method without one trains."""
    model = MODELS.build(cutmix(STUDENTS['fcn'][0]))
    message = r"CutMix: no hook moves the teacher.*add dict\(type='MeanTeacherHook'"
    with pytest.raises(UserError, match=message):
        model(*batch(), mode='loss')
    wrapped = MODEL_WRAPPERS.register_module(module=Wrapper, force=True)(model)
    MeanTeacherHook().before_train(SimpleNamespace(model=wrapped, iter=7))
    assert 'unsup.loss_consistency' in model(*batch(), mode='loss')
    assert 'unsup.loss_hard' in MODELS.build(corrmatch(*STUDENTS['fcn']))(*batch(), mode='loss')


class Wrapper(torch.nn.Module):
    """Stands for the distributed wrapper around a model."""

    def __init__(self, module):
        super().__init__()
        self.module = module


def test_teacher_trains_and_evaluates_with_the_model():
    """Its dropout and free batch norm are active while training, frozen batch norm never."""
    model = MODELS.build(cutmix(encoder_decoder({**RESNET, 'norm_eval': True}, FCN)))
    model.eval()
    assert not any(module.training for module in model.teacher.modules())
    model.train()
    for network in (model.student, model.teacher):
        assert network.decode_head.dropout.training and network.decode_head.convs[0].bn.training
        assert not network.backbone.layer1[0].bn1.training
    inputs, samples = batch()
    before = copy.deepcopy(model.teacher.state_dict())
    model.loss(inputs, samples)
    changed = {k for k, v in model.teacher.state_dict().items() if not torch.equal(v, before[k])}
    assert {key.rpartition('.')[0] for key in changed} == {
        'decode_head.convs.0.bn',
        'decode_head.conv_cat.bn',
    }
    model = MODELS.build(cutmix(STUDENTS['fcn'][0], teacher_mode='eval')).train()
    assert not any(module.training for module in model.teacher.modules())
    assert model.training and model.student.decode_head.dropout.training


def test_predict_on_chooses_the_network():
    model = MODELS.build(cutmix(STUDENTS['fcn'][0])).eval()
    for parameter in model.teacher.parameters():
        parameter.data.zero_()
    inputs, samples = batch(views=('sup',))
    of = {}
    for model.predict_on in ('student', 'teacher'):
        predicted = model.predict(inputs['sup'], copy.deepcopy(samples['sup']))
        of[model.predict_on] = torch.stack([p.seg_logits.data for p in predicted])
    assert not of['teacher'].any() and of['student'].any()
