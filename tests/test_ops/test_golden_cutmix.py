"""The unlabelled step of CutMix and CutOut against numbers measured from the reference."""

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_plugins.box_policies import FrenchBox
from mmseg_plugins.errors import UserError
from mmseg_plugins.hooks import CutMixHook
from mmseg_plugins.losses import ConsistencyLoss
from mmseg_plugins.ops.cutmix import box_mask

KINDS = ['var', 'logits_var', 'logits_smoothl1', 'bce', 'kld']
PARTNER = dict(mix='stream', zero='none')


@MODELS.register_module(force=True)
class ScriptedNetwork(torch.nn.Module):
    """Returns given logits, one batch a call, and keeps what it was shown."""

    out_channels = 2

    def __init__(self):
        super().__init__()
        self.script, self.seen = [], []

    def encode_decode(self, image, metas):
        self.seen.append(image)
        return self.script.pop(0)

    def loss(self, image, samples):
        return {}


@pytest.fixture
def case(golden, monkeypatch):
    """A step on a golden case: the model, its losses, the student's logits, the arrays."""
    data = golden('cutmix/cutmix_consistency')

    def run(name, mode, dtype=torch.float64, weight=1.0, ramp=1.0, **consistency):
        def tensor(key):
            return torch.from_numpy(data[f'{name}_in_{key}']).to(dtype)

        network = dict(type='ScriptedNetwork')
        model = MODELS.build(
            dict(
                type='CutMix',
                student=network,
                predict_on='teacher',
                consistency=dict(type='ConsistencyLoss', **consistency),
                box=dict(type='FrenchBox', partner=PARTNER[mode]),
                unsup_weight=weight,
            )
        )
        model.unsup_ramp = ramp
        inputs, samples = dict(sup=None), dict(sup=None)
        for i, view in enumerate(['unsup_weak', 'unsup_weak_mix'][: 1 + (mode == 'mix')]):
            inputs[view] = tensor(f'image_{i}')
            samples[view] = [
                SegDataSample(valid=PixelData(data=valid)) for valid in tensor(f'valid_{i}')
            ]
            model.teacher.script.append(tensor(f'teacher_logits_{i}'))
        boxes = []
        for mask in data[f'{name}_in_box_mask'][:, 0]:
            rows, columns = np.nonzero(mask)
            boxes.append([rows.min(), columns.min(), rows.max() + 1, columns.max() + 1])
        monkeypatch.setattr(model.box, 'draw', lambda num, size, rng: np.array(boxes))
        logits = tensor('student_logits').requires_grad_()
        model.student.script.append(logits)
        return model, model.loss(inputs, samples), logits, data

    return run


@pytest.mark.parametrize('per_pixel', [False, True])
@pytest.mark.parametrize('threshold', [0.97, 0])
@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('mode', PARTNER)
@pytest.mark.parametrize('name', 'AB')
def test_consistency(case, name, mode, kind, threshold, per_pixel):
    index = KINDS.index(kind), [0.97, 0].index(threshold), int(per_pixel)
    # the reference takes the mean of the gate in float32, also in its float64 run
    float64 = 1e-7 if threshold and not per_pixel else 1e-12
    for dtype, suffix, limit in [(torch.float64, '_f64', float64), (torch.float32, '', 1e-5)]:
        _, losses, logits, data = case(
            name, mode, dtype, kind=kind, threshold=threshold, per_pixel=per_pixel
        )
        losses['unsup.loss_consistency'].backward()

        def expected(key, data=data):
            return data[f'{name}_{mode}_{key}'][index]

        loss, norm = losses['unsup.loss_consistency'].item(), logits.grad.norm().item()
        assert loss == pytest.approx(expected(f'loss{suffix}'), rel=limit)
        assert norm == pytest.approx(expected(f'grad_norm{suffix}'), rel=limit)
        gradient = logits.grad.float().numpy()
        np.testing.assert_allclose(gradient, expected('grad'), rtol=1e-3, atol=1e-7)
        if threshold:
            assert losses['mask_ratio'].item() == pytest.approx(expected('conf_rate'), rel=1e-6)


@pytest.mark.parametrize('mode', PARTNER)
@pytest.mark.parametrize('name', 'AB')
def test_what_student_and_loss_are_given(case, monkeypatch, name, mode):
    given = []
    monkeypatch.setattr(
        ConsistencyLoss, 'forward', lambda self, *args: given.extend(args[:3]) or args[0].sum()
    )
    model, _, logits, data = case(name, mode, torch.float32)
    student_logits, teacher_logits, valid = given
    assert student_logits is logits

    def same(tensor, key):
        np.testing.assert_array_equal(tensor.numpy(), data[f'{name}_{key}'])

    same(model.student.seen[0], f'{mode}_student_input')
    same(model.teacher.seen[0], 'in_image_0')
    if mode == 'mix':
        same(model.teacher.seen[1], 'in_image_1')
        same(teacher_logits, 'mix_teacher_logits')
        same(valid, 'mix_valid')
        assert set(valid.unique().tolist()) >= {0, 0.25, 0.5, 1}  # soft maps stay soft
    else:
        same(teacher_logits, 'in_teacher_logits_0')
        kept = data[f'{name}_in_box_mask'] * data[f'{name}_in_valid_0']
        np.testing.assert_array_equal(valid.numpy(), kept)


def test_weight_and_ramp(case):
    def step(**options):
        _, losses, logits, data = case('A', 'mix', **options)
        losses['unsup.loss_consistency'].backward()
        return losses['unsup.loss_consistency'].item(), logits.grad.norm().item(), data

    loss, norm, data = step(weight=0.3)
    assert loss == pytest.approx(0.3 * data['A_mix_var_cw03_loss'], rel=1e-6)  # theirs: before it
    assert norm == pytest.approx(data['A_mix_var_cw03_grad_norm'], rel=1e-6)
    for i, threshold in enumerate([0, 0.97]):
        loss, norm, data = step(ramp=CutMixHook(ramp_up=10).factor(3000), threshold=threshold)
        assert loss == pytest.approx(data['A_mix_var_rampup10_epoch3_loss'][i], rel=1e-6)
        assert norm == pytest.approx(data['A_mix_var_rampup10_epoch3_grad_norm'][i], rel=1e-6)


@pytest.mark.parametrize('size', [(321, 321), (256, 512), (224, 224)])
@pytest.mark.parametrize('seed', [0, 12345])
@pytest.mark.parametrize('kind, area', [('cutmix', (0.5, 0.5)), ('cutout', (0.0, 1.0))])
def test_french_boxes(golden, kind, area, size, seed):
    expected = golden('cutmix/cutmix_masks')[f'rects_{kind}_{size[0]}x{size[1]}_seed{seed}']
    boxes = FrenchBox(area=area)(16, size, np.random.RandomState(seed))
    empty = (boxes[:, 0] == boxes[:, 2]) | (boxes[:, 1] == boxes[:, 3])
    boxes[empty] = 0
    np.testing.assert_array_equal(boxes, expected)


def test_divisor_valid_counts_occupied_pixels_only():
    student, teacher = torch.randn(2, 1, 3, 4, 4).unbind(0)
    valid = torch.zeros(1, 1, 4, 4)
    valid[..., :2, :] = 1
    everywhere = ConsistencyLoss(threshold=0)(student, teacher, valid)
    occupied = ConsistencyLoss(threshold=0, divisor='valid')(student, teacher, valid)
    assert occupied.item() == pytest.approx(2 * everywhere.item())
    assert ConsistencyLoss(divisor='valid')(student, teacher, 0 * valid).item() == 0


@pytest.mark.parametrize('threshold', [97, -0.1, float('nan'), '0.97'])
def test_a_threshold_that_is_no_confidence(threshold):
    with pytest.raises(UserError, match='ConsistencyLoss: threshold=.* is not a confidence'):
        ConsistencyLoss(threshold=threshold)


@pytest.mark.parametrize(
    'teacher, valid', [((1, 3, 4, 4), (2, 1, 4, 4)), ((2, 3, 4, 4), (2, 4, 4))]
)
def test_shapes_that_would_broadcast(teacher, valid):
    with pytest.raises(UserError, match=r'have the shapes .*; give \(N, C, H, W\), '):
        ConsistencyLoss()(torch.zeros(2, 3, 4, 4), torch.zeros(teacher), torch.ones(valid))


def test_box_mask_is_half_open():
    mask = box_mask(np.array([[1, 2, 3, 5], [0, 0, 0, 0]]), (4, 6))
    assert mask.shape == (2, 1, 4, 6)
    assert mask[0, 0].nonzero().tolist() == [[y, x] for y in (1, 2) for x in (2, 3, 4)]
    assert not mask[1].any()
