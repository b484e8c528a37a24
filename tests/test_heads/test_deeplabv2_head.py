"""Summed branches, of which two are live by default."""

import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS

from mmseg_plugins.errors import UserError


def build(**options):
    return MODELS.build(dict(type='DeepLabV2Head', in_channels=16, num_classes=5, **options))


@pytest.mark.parametrize('live', [2, 4])
def test_the_live_branches_are_summed(live):
    head = build(live_branches=live)
    x = torch.randn(2, 16, 41, 41)
    expected = 0
    for branch, dilation in list(zip(head.branches, (6, 12, 18, 24), strict=True))[:live]:
        expected += F.conv2d(x, branch.weight, branch.bias, padding=dilation, dilation=dilation)
    logits = head([x])
    torch.testing.assert_close(logits, expected)
    logits.sum().backward()
    for i, branch in enumerate(head.branches):
        for p in branch.parameters():
            assert p.requires_grad == (p.grad is not None) == (i < live)
    assert len(head.state_dict()) == 8  # a checkpoint fits either setting


def test_initialisation():
    torch.manual_seed(0)
    head = MODELS.build(dict(type='DeepLabV2Head', num_classes=21))
    head.init_weights()  # as the Runner does: must not draw anew by mmseg's rule
    bound = (2048 * 9) ** -0.5  # specification 4.1
    for branch in head.branches:
        assert branch.weight.std().item() == pytest.approx(0.01, rel=0.01)
        assert abs(branch.weight.mean().item()) < 1e-4
        assert 0.5 * bound < branch.bias.abs().max() <= bound
    assert head.align_corners and head.dropout is None


@pytest.mark.parametrize('live', [0, 5])
def test_branches_that_are_not_there(live):
    with pytest.raises(UserError, match=f'live_branches={live} of the 4 branches .* use 1 to 4'):
        build(live_branches=live)
