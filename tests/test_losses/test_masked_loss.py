"""The divergence from both forms of its target, and a hard label from a softmax at hand."""

import pytest
import torch
import torch.nn.functional as F

from mmseg_plugins.losses import masked_kl_divergence
from mmseg_plugins.ops.pseudo_label import hard_label


@pytest.mark.parametrize('scale', [1, 200])  # where probabilities underflow to 0
def test_divergence_is_pytorchs(scale):
    torch.manual_seed(0)
    logits = (torch.randn(2, 5, 4, 6) * scale).requires_grad_()
    target = torch.randn(2, 5, 4, 6) * scale
    mask, valid = torch.rand(2, 4, 6) < 0.5, torch.rand(2, 4, 6) < 0.8
    found = []
    log_prob, expected = logits.log_softmax(1), target.log_softmax(1)
    ours = masked_kl_divergence(log_prob, expected, target.softmax(1), mask, valid)
    theirs = F.kl_div(log_prob, expected, reduction='none', log_target=True).sum(1)
    for loss in (ours, (theirs * mask).sum() / valid.sum()):
        found.append((loss, *torch.autograd.grad(loss, logits, retain_graph=True)))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)
    nothing = torch.zeros_like(valid)
    assert masked_kl_divergence(log_prob, expected, target.softmax(1), nothing, nothing) == 0


def test_a_softmax_at_hand_is_used():
    logits = torch.randn(1, 3, 2, 2)
    given = hard_label(logits, logits.softmax(1))
    assert all(map(torch.equal, given, hard_label(logits)))
    other = torch.tensor([0.1, 0.7, 0.2]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    label, confidence = hard_label(logits, other)
    assert (label == 1).all() and (confidence == 0.7).all()
