"""Batch OHEM against numbers measured from the reference, and inside networks."""

import math

import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from students import FCN, RESNET, batch, corrmatch, encoder_decoder

from mmseg_plugins.errors import UserError
from mmseg_plugins.losses import BatchOHEMLoss

CASES = [
    'few_kept',
    'kth',
    'kth_all_valid',
    'more_than_valid',
    'no_min',
    'low_thresh',
    'thresh1',
]
OHEM = dict(type='BatchOHEMLoss', thresh=0.3, min_kept=50)


@pytest.mark.parametrize('case', CASES)
def test_golden(golden, case):
    data = golden('corrmatch/ohem')
    thresh, min_kept, loss, gradient_sum, count = data['cases'][CASES.index(case)]
    logits = torch.from_numpy(data['pred']).double().requires_grad_()
    label = torch.from_numpy(data['target']).long()
    value = BatchOHEMLoss(thresh, int(min_kept))(logits, label)
    value.backward()
    assert value.item() == pytest.approx(loss, rel=1e-10)
    assert logits.grad.abs().sum().item() == pytest.approx(gradient_sum, rel=1e-10)
    assert logits.grad.any(dim=1).sum().item() == count
    gradient = torch.from_numpy(data[f'grad.{case}'])
    torch.testing.assert_close(logits.grad[:, :, ::4, ::4], gradient, rtol=1e-10, atol=1e-12)


def test_selection_over_the_batch_and_ties():
    loss = BatchOHEMLoss(thresh=0.5, min_kept=3)
    prob = torch.tensor([[0.9, 0.6, 0.8, 0.8], [0.95, 0.95, 0.95, 1.0]]).view(2, 1, 4)
    valid = torch.ones_like(prob, dtype=torch.bool)
    kept = loss.select(-prob.log(), valid)
    # the three hardest of both images lie in the first; their equals stay with them
    assert kept.tolist() == [[[False, True, True, True]], [[False] * 4]]
    prob[1] = 0.5  # as hard as thresh says: all of them, more than three
    assert loss.select(-prob.log(), valid).tolist() == [[[False] * 4], [[True] * 4]]


def test_nothing_labelled_is_zero_where_the_reference_is_nan(golden):
    logits = torch.randn(2, 3, 4, 5, requires_grad=True)
    loss = BatchOHEMLoss()(logits, torch.full((2, 4, 5), 255))
    loss.backward()
    assert loss == 0 and not logits.grad.any()
    assert math.isnan(golden('corrmatch/ohem')['all_ignored_loss'])


def test_nothing_is_read_back_from_the_device():
    """Tensors on ``meta`` have no values: ``item``, ``nonzero`` and their like raise there."""
    logits = torch.zeros(2, 19, 8, 8, device='meta', requires_grad=True)
    label = torch.zeros(2, 8, 8, dtype=torch.long, device='meta')
    BatchOHEMLoss(min_kept=20)(logits, label).backward()
    with pytest.raises(Exception, match='meta'):
        label.sum().item()


def test_as_criterion_of_a_network():
    """SupOnly, with a weight, beside another loss and in the auxiliary head."""
    torch.manual_seed(0)
    ce = dict(type='CrossEntropyLoss', avg_non_ignore=True)
    head = {**FCN, 'loss_decode': [ce, {**OHEM, 'loss_weight': 0.5}]}
    auxiliary = {**FCN, 'loss_decode': {**OHEM, 'min_kept': 0}}
    model = MODELS.build(encoder_decoder(RESNET, head, auxiliary_head=auxiliary)).eval()
    inputs, samples = batch()
    losses = model.loss(inputs['sup'], samples['sup'])
    assert {'decode.loss_ce', 'decode.loss_ohem', 'aux.loss_ohem'} <= set(losses)
    features = model.extract_feat(inputs['sup'])
    label = torch.cat([sample.gt_sem_seg.data for sample in samples['sup']])

    def logits(part):
        return F.interpolate(part(features), label.shape[1:], mode='bilinear')

    hard = BatchOHEMLoss(thresh=0.3, min_kept=50)(logits(model.decode_head), label)
    assert losses['decode.loss_ohem'].item() == pytest.approx(0.5 * hard.item())
    plain = F.cross_entropy(logits(model.auxiliary_head), label, ignore_index=255)
    assert losses['aux.loss_ohem'].item() == pytest.approx(plain.item())
    assert losses['decode.loss_ohem'] > 0.5 * losses['decode.loss_ce']  # the hard ones alone


def test_as_supervised_criterion_of_corrmatch():
    """Both the logits and the propagated ones are mined."""
    torch.manual_seed(0)
    student = encoder_decoder(RESNET, {**FCN, 'loss_decode': OHEM})
    model = MODELS.build(corrmatch(student, 32))
    calls = []
    model.student.decode_head.loss_decode.register_forward_hook(
        lambda _, args, loss: calls.append((*args, loss))
    )
    inputs, samples = batch()
    losses = model.loss(inputs, samples)
    model.parse_losses(losses)[0].backward()
    assert len(calls) == 2
    for (logits, label, loss), name in zip(calls, ('decode', 'corr'), strict=True):
        assert losses[f'sup.{name}.loss_ohem'].item() == pytest.approx(0.25 * loss.item())
        assert loss > F.cross_entropy(logits, label, ignore_index=255)


def test_unfit_options():
    with pytest.raises(UserError, match=r'thresh=1.5 is not a probability; use a value in \[0, 1'):
        BatchOHEMLoss(thresh=1.5)
    for min_kept in (-1, 0.5):
        with pytest.raises(UserError, match=f'min_kept={min_kept} is not a whole number'):
            BatchOHEMLoss(min_kept=min_kept)
    head = {**FCN, 'loss_decode': OHEM, 'sampler': dict(type='OHEMPixelSampler', thresh=0.7)}
    model = MODELS.build(encoder_decoder(RESNET, head))
    inputs, samples = batch(views=('sup',))
    with pytest.raises(UserError, match='set sampler=None in the decode_head'):
        model.loss(inputs['sup'], samples['sup'])
