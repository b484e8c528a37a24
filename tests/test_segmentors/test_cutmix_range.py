"""CutMix on range images: variants R1 to R3 of specification (range view) 4.3 on made-up scans."""

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS, TASK_UTILS
from mmseg.structures import SegDataSample

from mmseg_plugins.errors import UserError
from mmseg_plugins.ops.cutmix import box_mask

BN = dict(type='BN')
FIDNET = dict(
    type='EncoderDecoder',
    backbone=dict(type='FIDNet', stem_channels=(4, 8), channels=4, num_blocks=(1, 1), norm_cfg=BN),
    decode_head=dict(
        type='FIDHead',
        in_channels=16,
        hidden_channels=(8,),
        num_classes=5,
        norm_cfg=BN,
        loss_decode=[
            dict(type='CrossEntropyLoss', avg_non_ignore=False),
            dict(type='ClassDiceLoss'),
            dict(type='MaskedLovaszLoss', loss_weight=3.0),
        ],
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
R1 = dict(consistency=dict(type='ConsistencyLoss', threshold=0.0, divisor='valid'))
R2 = dict(
    consistency=dict(type='HardLabelLoss', threshold=0.0, lovasz_weight=3.0),
    box=dict(type='FrenchBox', partner='labelled'),
    complement=True,
    clean=dict(type='ConsistencyLoss', threshold=0.0, divisor='valid'),
    clean_weight=12.5,
)
R3 = dict(
    consistency=dict(type='HardLabelLoss', threshold=0.0),
    box=dict(type='StripBox', partner='batch'),
)
SIZE = (16, 32)


def scans(views, num=2, labelled=0.3):
    """Random range images with empty pixels; on ``sup`` a share of the others has a label."""
    inputs, samples = {}, {}
    for view in views:
        occupied = (torch.rand(num, 1, *SIZE) < 0.7).float()
        inputs[view] = torch.cat([torch.randn(num, 5, *SIZE), torch.ones(num, 1, *SIZE)], 1)
        inputs[view] = torch.where(occupied > 0, inputs[view], -torch.tensor(0.5))
        inputs[view][:, 5:] = occupied
        samples[view] = []
        for n in range(num):
            label = torch.randint(5, (1, *SIZE))
            label[(torch.rand(1, *SIZE) > labelled) | (occupied[n] == 0)] = 255
            sample = SegDataSample(metainfo=dict(img_shape=SIZE, ori_shape=SIZE))
            sample.valid = PixelData(data=occupied[n])
            if view == 'sup':
                sample.gt_sem_seg = PixelData(data=label)
            samples[view].append(sample)
    return inputs, samples


def build(variant):
    torch.manual_seed(0)
    return MODELS.build(dict(type='CutMix', student=FIDNET, predict_on='teacher', **variant))


@pytest.mark.parametrize('amp', [False, True])
@pytest.mark.parametrize(
    ('variant', 'views'),
    [
        (R1, ('sup', 'unsup_weak', 'unsup_weak_mix')),
        (R2, ('sup', 'unsup_weak')),
        (R3, ('sup', 'unsup_weak')),
    ],
)
def test_a_step_of_each_variant(variant, views, amp):
    model = build(variant)
    with torch.autocast('cpu', dtype=torch.bfloat16, enabled=amp):
        losses = model.loss(*scans(views))
        total, log = model.parse_losses(losses)
    total.backward()
    assert torch.isfinite(total) and log['unsup.loss_consistency'] > 0 and log['mask_ratio'] == 1
    assert ('unsup.loss_clean' in losses) == ('clean' in variant)
    grads = [p.grad for p in model.student.parameters()]
    assert all(g is not None and torch.isfinite(g).all() for g in grads)


def test_the_clean_term():
    """R2: 12.5 times the squared difference on all unmixed pixels that have a point."""
    model = build(R2)
    inputs, samples = scans(('sup', 'unsup_weak'))
    torch.manual_seed(1)
    for parameter in model.teacher.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    losses = model.loss(inputs, samples)
    order = ('unsup_weak', 'sup')
    images = torch.cat([inputs[view] for view in order])
    student = model.segment(model.student, images).softmax(1)
    teacher = torch.cat([model.segment(model.teacher, inputs[view]).softmax(1) for view in order])
    each = (student - teacher).square().sum(1)[images[:, 5] > 0]
    assert losses['unsup.loss_clean'].item() == pytest.approx(12.5 * each.mean().item(), rel=1e-4)


def test_a_step_without_a_label_or_a_point():
    for variant, views in (
        (R1, ('sup', 'unsup_weak', 'unsup_weak_mix')),
        (R2, ('sup', 'unsup_weak')),
    ):
        model = build(variant)
        inputs, samples = scans(views, labelled=0)
        for view in views:
            inputs[view][:, 5] = 0
            for sample in samples[view]:
                sample.valid.data.zero_()
        total, log = model.parse_losses(model.loss(inputs, samples))
        total.backward()
        assert torch.isfinite(total) and log['unsup.loss_consistency'] == log['mask_ratio'] == 0
        assert all(torch.isfinite(p.grad).all() for p in model.student.parameters())


def test_only_occupied_pixels_of_the_mixture_count():
    """All channels are mixed with the mask; what stands at empty pixels has no say."""
    model = build(R1)
    inputs, samples = scans(('unsup_weak', 'unsup_weak_mix'))
    views = model.forward_views(inputs)
    image, target = model.mix(inputs, model.pseudo_label(views, samples))
    assert torch.equal(image[:, 5], target['valid'])
    inside = target['box'].expand_as(image)
    assert torch.equal(image, torch.where(inside, inputs['unsup_weak_mix'], inputs['unsup_weak']))
    student = torch.randn(2, 5, *SIZE)
    valid = target['valid'].unsqueeze(1)
    loss = model.consistency(student, target['logits'], valid)
    moved = model.consistency(
        student + 9 * torch.randn(2, 5, *SIZE) * (1 - valid), target['logits'], valid
    )
    assert torch.allclose(loss, moved)
    difference = (student.softmax(1) - target['logits'].softmax(1)).square().sum(1)
    assert torch.allclose(loss, difference[target['valid'] > 0].mean())


def test_a_labelled_partner_gives_its_ground_truth():
    model = build(R2)
    inputs, samples = model.add_partner(*scans(('sup', 'unsup_weak')))
    views = model.forward_views(inputs)
    image, target = model.mix(inputs, model.pseudo_label(views, samples))
    label = torch.cat([sample.gt_sem_seg.data for sample in samples['sup']])
    box = target['box'][:2, 0]
    assert image.shape[0] == 4 and torch.equal(target['box'][2:, 0], ~box)
    for half, pasted in ((slice(0, 2), box), (slice(2, 4), ~box)):
        known = pasted & (label != 255)
        prob, best = target['logits'][half].softmax(1).max(1)
        assert torch.equal(best[known], label[known]) and (prob[known] == 1).all()
        assert torch.equal(target['valid'][half][pasted] > 0, (label != 255)[pasted])
        assert torch.equal(image[half].movedim(1, -1)[pasted], inputs['sup'].movedim(1, -1)[pasted])
        teacher = views['unsup_weak'].movedim(1, -1)[~pasted]
        assert torch.equal(target['logits'][half].movedim(1, -1)[~pasted], teacher)
    # unlabelled but occupied pixels of the labelled scans take part in the clean term
    assert torch.equal(target['real'], torch.cat([inputs[v][:, 5] for v in views]))


@pytest.mark.parametrize('size', [(64, 2048), (32, 1920)])
def test_a_box_is_half_of_the_range_image(size):
    """Check 6: 50 % but for rounding; the reference's own law, on wide images."""
    boxes = TASK_UTILS.build(dict(type='FrenchBox'))(200, size, np.random.RandomState(0))
    share = box_mask(boxes, size).float().mean((1, 2, 3))
    # half a row and half a column more or less
    assert (share - 0.5).abs().max() <= 0.5 / size[0] + 0.5 / size[1]
    extent = (boxes[:, 2:] - boxes[:, :2]) / size
    assert extent.min() >= 0.49 and (boxes >= 0).all() and (boxes[:, 2:] <= size).all()


def test_strips():
    boxes = TASK_UTILS.build(dict(type='StripBox'))(300, (64, 2048), np.random.RandomState(0))
    assert boxes.shape == (300, 4, 4)
    extent = boxes[..., 2:] - boxes[..., :2]
    assert (extent >= 0).all() and 400 < extent[..., 1].max() <= 2048 / 5 + 1
    assert (extent[..., 0] == extent[:, :1, 0]).all(), 'one height an image'
    assert np.square(extent[:, 0, 0] / 64).mean() == pytest.approx(0.5, abs=0.03)  # 1 - lambda
    # of Beta(4, 4)
    assert np.square(extent[:, 0, 0] / 64).var() == pytest.approx(1 / 36, rel=0.2)
    assert (boxes[..., 2:] <= (64, 2048)).all() and (boxes >= 0).all()
    mask = box_mask(boxes[:1], (64, 2048))[0, 0]
    top, left, bottom, right = boxes[0, 3]
    assert mask[top:bottom, left:right].all()
    assert mask.sum() <= (extent[0, :, 0] * extent[0, :, 1]).sum()


@pytest.mark.parametrize(
    ('variant', 'message'),
    [
        (dict(complement=True, box=dict(type='FrenchBox', partner='none')), 'needs partners'),
        (dict(box=dict(type='StripBox', num_strips=0)), 'at least one strip'),
        (dict(consistency=dict(type='HardLabelLoss', threshold=2)), 'not a confidence'),
    ],
)
def test_mistakes(variant, message):
    with pytest.raises(UserError, match=message):
        build(variant)
