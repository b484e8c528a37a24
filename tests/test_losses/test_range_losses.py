"""Losses of range images: against mmseg and by hand, and with hardly a labelled pixel."""

import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS

from mmseg_plugins.errors import UserError

LOVASZ = dict(type='MaskedLovaszLoss')
DICE = dict(type='ClassDiceLoss')
HARD = dict(type='HardLabelLoss', threshold=0.0, lovasz_weight=3.0)


def sample(pixels=None, seed=0):
    """Logits and labels of 5 classes, with ``pixels`` labelled ones (None: three quarters)."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 5, 6, 8, generator=generator).requires_grad_()
    label = torch.randint(5, (2, 6, 8), generator=generator)
    ignored = torch.rand(2, 6, 8, generator=generator) < 0.25
    if pixels is not None:
        ignored = torch.arange(96).view(2, 6, 8) >= pixels
    return logits, label.masked_fill(ignored, 255)


@pytest.mark.parametrize('pixels', [None, 2, 3])
def test_lovasz_equals_mmseg_with_its_gradient(pixels):
    logits, label = sample(pixels)
    loss = MODELS.build(LOVASZ)(logits, label, ignore_index=255)
    (gradient,) = torch.autograd.grad(loss, logits)
    theirs = MODELS.build(dict(type='LovaszLoss', reduction='none'))(
        logits, label, ignore_index=255
    )
    (expected,) = torch.autograd.grad(theirs, logits)
    assert torch.allclose(loss, theirs, atol=1e-6) and loss > 0
    assert torch.allclose(gradient, expected, atol=1e-6)


def test_dice_by_hand():
    logits, label = sample()
    prob = logits.softmax(1).movedim(1, -1)[label != 255]
    truth = F.one_hot(label[label != 255], 5)
    expected = (1 - 2 * (prob * truth).sum(0) / (prob.sum(0) + truth.sum(0))).mean()
    loss = MODELS.build(dict(**DICE, loss_weight=2.0))(logits, label)
    assert torch.allclose(loss, 2 * expected, atol=1e-6)
    # what an ignored pixel predicts does not matter
    moved = logits + 5 * torch.randn_like(logits) * (label == 255).unsqueeze(1)
    assert torch.allclose(MODELS.build(dict(**DICE, loss_weight=2.0))(moved, label), loss)


@pytest.mark.parametrize('cfg', [LOVASZ, DICE, dict(type='CrossEntropyLoss', avg_non_ignore=False)])
@pytest.mark.parametrize('pixels', [0, 1, 2])
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_finite_with_hardly_a_pixel(cfg, pixels, dtype):
    logits, label = sample(pixels)
    loss = MODELS.build(cfg)(logits.to(dtype), label, ignore_index=255)
    loss.backward()
    assert loss.dim() == 0 and torch.isfinite(loss) and torch.isfinite(logits.grad).all()
    assert (loss > 0) == (pixels > 0)
    assert bool(logits.grad.any()) == (pixels > 0)


@pytest.mark.parametrize('pixels', [0, 1, 2])
def test_hard_labels_finite_with_hardly_a_pixel(pixels):
    logits, label = sample(pixels)
    valid = (label != 255).float().unsqueeze(1)
    loss = MODELS.build(HARD)(logits, torch.randn(2, 5, 6, 8), valid)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(logits.grad).all()
    assert (loss > 0) == (pixels > 0)


def test_hard_labels_by_hand():
    logits, label = sample()
    teacher = torch.randn(2, 5, 6, 8) * 3
    confidence, classes = teacher.softmax(1).max(1)
    real = label != 255
    kept = real & (confidence >= 0.8)
    assert 0 < kept.sum() < real.sum()
    loss = MODELS.build(dict(type='HardLabelLoss', threshold=0.8))(
        logits, teacher, real.float().unsqueeze(1)
    )
    each = F.cross_entropy(logits, classes, reduction='none')
    assert torch.allclose(loss, each[kept].sum() / real.sum())
    with_lovasz = dict(type='HardLabelLoss', threshold=0.8, lovasz_weight=3.0)
    lovasz = MODELS.build(LOVASZ)(logits, classes.masked_fill(~kept, 255))
    total = MODELS.build(with_lovasz)(logits, teacher, real.float().unsqueeze(1))
    assert torch.allclose(total, loss + 3 * lovasz)


@pytest.mark.parametrize('cfg', [LOVASZ, DICE])
def test_a_pixel_sampler_is_refused(cfg):
    with pytest.raises(UserError, match='set sampler=None'):
        MODELS.build(cfg)(*sample(), weight=torch.ones(2, 6, 8))


@pytest.mark.parametrize('cfg', [LOVASZ, DICE])
def test_another_number_for_ignored_pixels(cfg):
    logits, label = sample()
    loss = MODELS.build(cfg)
    other = loss(logits, label.masked_fill(label == 255, 7), ignore_index=7)
    assert torch.equal(loss(logits, label, ignore_index=255), other)
