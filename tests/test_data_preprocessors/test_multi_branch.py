"""Branches are what mmseg's preprocessor makes of each."""

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

INNER = dict(
    type='SegDataPreProcessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    size=(8, 8),
    seg_pad_val=255,
)


def batch(channels=3):
    torch.manual_seed(0)
    images = [torch.randint(0, 256, (channels, 8, 6 + i), dtype=torch.uint8) for i in range(2)]
    truth = [SegDataSample(gt_sem_seg=PixelData(data=x[:1].long())) for x in images]
    return images, truth


@pytest.mark.parametrize('options', [dict(bgr_to_rgb=True), dict(rgb_to_bgr=True), {}])
def test_equal_to_mmsegs(options):
    """Bit for bit; the channels are reversed without mmseg's list as index."""
    outer = dict(type='MultiBranchDataPreprocessor', data_preprocessor={**INNER, **options})
    outer = MODELS.build(outer)
    plain = MODELS.build({**INNER, **options})
    images, truth = batch()
    before = [image.clone() for image in images]
    made = outer(dict(inputs=dict(a=[None, *images]), data_samples=dict(a=[None, *truth])), True)
    expected = plain(dict(inputs=images, data_samples=truth), True)
    assert torch.equal(made['inputs']['a'], expected['inputs'])
    labels = zip(made['data_samples']['a'], expected['data_samples'], strict=True)
    assert all(torch.equal(a.gt_sem_seg.data, b.gt_sem_seg.data) for a, b in labels)
    assert all(map(torch.equal, images, before))
    # validation goes through mmseg's own, as before
    whole = dict(inputs=images[:1], data_samples=truth[:1])
    assert torch.equal(outer(whole)['inputs'], plain(whole)['inputs'])


def test_images_of_other_channels_are_not_reversed():
    inner = dict(type='SegDataPreProcessor', bgr_to_rgb=True, size=(8, 8))
    outer = MODELS.build(dict(type='MultiBranchDataPreprocessor', data_preprocessor=inner))
    images, truth = batch(channels=6)
    made = outer(dict(inputs=dict(a=images), data_samples=dict(a=truth)), True)['inputs']['a']
    assert torch.equal(made[0, :, :, :6], images[0].float())
