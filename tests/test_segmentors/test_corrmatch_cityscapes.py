"""The Cityscapes recipe: fixed threshold 0, batch OHEM, clipped sliding windows."""

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmseg.registry import MODELS
from students import FCN, RESNET, batch, corrmatch, encoder_decoder


@pytest.mark.parametrize('recipe, fixed', [('corrmatch_cityscapes', True), ('corrmatch', False)])
def test_threshold(root, recipe, fixed):
    """Fixed at 0 every real pixel is confident; CorrMatch's own threshold moves."""
    config = Config.fromfile(root / f'configs/_base_/methods/{recipe}.py')
    student = ConfigDict(
        encoder_decoder(RESNET, {**FCN, 'loss_decode': dict(type='BatchOHEMLoss')}),
        type='ClippedSlideEncoderDecoder',
        test_cfg=dict(mode='slide', crop_size=(24, 24), stride=(16, 16)),
    )
    parts = corrmatch(student, 32)
    torch.manual_seed(0)
    model = MODELS.build(ConfigDict({**parts, **config.model}))
    before = model.threshold.item()
    losses = model.loss(*batch())
    model.parse_losses(losses)[0].backward()
    assert before == pytest.approx(0 if fixed else 0.85)
    assert (model.threshold.item() == before) == fixed
    assert (losses['mask_ratio'] == 1) == fixed
