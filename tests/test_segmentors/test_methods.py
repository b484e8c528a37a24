"""Both methods around segmentors not written for them, and at the edges of their input."""

import copy

import numpy as np
import pytest
import torch
from mmseg.registry import MODELS
from students import FCN, RESNET, STUDENTS, batch, corrmatch, cutmix, encoder_decoder

from mmseg_plugins.errors import UserError

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
