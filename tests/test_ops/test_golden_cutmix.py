"""CutMix ops and loss against numbers measured from the reference."""

import numpy as np
import pytest
import torch

from mmseg_plugins.box_policies import FrenchBox
from mmseg_plugins.losses import ConsistencyLoss
from mmseg_plugins.ops.cutmix import box_mask, cutmix

KINDS = ['var', 'logits_var', 'logits_smoothl1', 'bce', 'kld']


@pytest.mark.parametrize('size', [(321, 321), (256, 512), (224, 224)])
@pytest.mark.parametrize('seed', [0, 12345])
@pytest.mark.parametrize('kind, area', [('cutmix', (0.5, 0.5)), ('cutout', (0.0, 1.0))])
def test_french_boxes(golden, kind, area, size, seed):
    expected = golden('cutmix/cutmix_masks')[f'rects_{kind}_{size[0]}x{size[1]}_seed{seed}']
    boxes = FrenchBox(area=area)(16, size, np.random.RandomState(seed))
    empty = (boxes[:, 0] == boxes[:, 2]) | (boxes[:, 1] == boxes[:, 3])
    boxes[empty] = 0
    np.testing.assert_array_equal(boxes, expected)


@pytest.mark.parametrize('case', 'AB')
@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('threshold', [0.97, 0])
@pytest.mark.parametrize('per_pixel', [False, True])
def test_consistency(golden, case, kind, threshold, per_pixel):
    data = golden('cutmix/cutmix_consistency')

    def tensor(name):
        return torch.from_numpy(data[f'{case}_in_{name}']).double()

    mask = tensor('box_mask').bool()
    student = tensor('student_logits').requires_grad_()
    teacher = cutmix(tensor('teacher_logits_0'), tensor('teacher_logits_1'), mask)
    valid = cutmix(tensor('valid_0'), tensor('valid_1'), mask)
    loss = ConsistencyLoss(kind, threshold, per_pixel)(student, teacher, valid)
    loss.backward()

    index = KINDS.index(kind), [0.97, 0].index(threshold), int(per_pixel)
    assert loss.item() == pytest.approx(data[f'{case}_mix_loss_f64'][index], rel=1e-6)
    norm = student.grad.norm().item()
    assert norm == pytest.approx(data[f'{case}_mix_grad_norm_f64'][index], rel=1e-6)
    gradient = data[f'{case}_mix_grad'][index]
    np.testing.assert_allclose(student.grad.numpy(), gradient, atol=2e-6, rtol=2e-3)


def test_mixed_inputs(golden):
    data = golden('cutmix/cutmix_consistency')
    mask = torch.from_numpy(data['A_in_box_mask']).bool()
    images = [torch.from_numpy(data[f'A_in_image_{i}']) for i in (0, 1)]
    expected = torch.from_numpy(data['A_mix_student_input'])
    torch.testing.assert_close(cutmix(*images, mask), expected, rtol=0, atol=0)


def test_divisor_valid_counts_occupied_pixels_only():
    student, teacher = torch.randn(2, 1, 3, 4, 4).unbind(0)
    valid = torch.zeros(1, 1, 4, 4)
    valid[..., :2, :] = 1
    everywhere = ConsistencyLoss(threshold=0)(student, teacher, valid)
    occupied = ConsistencyLoss(threshold=0, divisor='valid')(student, teacher, valid)
    assert occupied.item() == pytest.approx(2 * everywhere.item())
    assert ConsistencyLoss(divisor='valid')(student, teacher, 0 * valid).item() == 0


def test_box_mask_is_half_open():
    mask = box_mask(np.array([[1, 2, 3, 5], [0, 0, 0, 0]]), (4, 6))
    assert mask.shape == (2, 1, 4, 6)
    assert mask[0, 0].nonzero().tolist() == [[y, x] for y in (1, 2) for x in (2, 3, 4)]
    assert not mask[1].any()
