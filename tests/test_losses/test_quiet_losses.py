"""Losses of a decode head without a wait: they are mmseg's, and every head here has them."""

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_plugins.benchmark.waits import count_waits
from mmseg_plugins.losses import quiet_losses

CPU, BN = torch.device('cpu'), dict(type='BN')
HEADS = dict(
    FIDHead=dict(in_channels=8, hidden_channels=(4,)),
    DeepLabV2Head=dict(in_channels=8),
    DeepLabV3PlusHead=dict(in_channels=(8, 8), in_index=(0, 1), channels=4, c1_channels=4),
)


def samples(labels):
    return [SegDataSample(gt_sem_seg=PixelData(data=label[None])) for label in labels]


def labelled(ignored):
    draw = torch.Generator().manual_seed(1)
    label = torch.randint(0, 5, (2, 12, 10), generator=draw)
    return label.masked_fill(torch.rand(label.shape, generator=draw) < ignored, 255)


@pytest.mark.parametrize('size', [(12, 10), (6, 5)])
@pytest.mark.parametrize('ignored', [0.0, 0.4, 1.1])
@pytest.mark.parametrize('align_corners', [False, True])
@pytest.mark.parametrize('several', [False, True])
def test_equal_to_mmsegs(size, ignored, align_corners, several):
    """Also where no pixel is labelled, and where criteria share a name."""
    torch.manual_seed(0)
    losses = [dict(type='CrossEntropyLoss'), dict(type='CrossEntropyLoss', avg_non_ignore=True)]
    head = MODELS.build(
        dict(
            type='FCNHead',
            in_channels=4,
            channels=4,
            num_classes=5,
            norm_cfg=BN,
            align_corners=align_corners,
            loss_decode=losses if several else losses[0],
        )
    )
    logits, truth = torch.randn(2, 5, *size), samples(labelled(ignored))
    ours, mmsegs = quiet_losses(head, logits, truth), head.loss_by_feat(logits, truth)
    assert ours.keys() == mmsegs.keys()
    for name, value in mmsegs.items():
        assert torch.equal(ours[name], value), name


@pytest.mark.parametrize('name', HEADS)
def test_a_head_of_the_package_waits_for_nothing(name):
    head = MODELS.build(dict(type=name, num_classes=5, norm_cfg=BN, **HEADS[name]))
    head.loss_decode = MODELS.build(dict(type='CrossEntropyLoss'))
    logits, truth = torch.randn(2, 5, 12, 10), samples(labelled(0.4))
    found, _ = count_waits(lambda: head.loss_by_feat(logits, truth), CPU)
    assert not found
    mmsegs = BaseDecodeHead.loss_by_feat(head, logits, truth)
    assert all(
        torch.equal(value, mmsegs[key]) for key, value in head.loss_by_feat(logits, truth).items()
    )
