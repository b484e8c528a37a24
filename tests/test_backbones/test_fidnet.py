"""FIDNet: the published parameter counts, its one map, and its head."""

import pytest
import torch
from mmseg.registry import MODELS
from torch import nn

BN = dict(type='BN')


def network(num_classes, **backbone):
    head = dict(type='FIDHead', num_classes=num_classes, norm_cfg=BN)
    return (
        MODELS.build(dict(type='FIDNet', norm_cfg=BN, **backbone)),
        MODELS.build(head),
    )


def count(*modules):
    return sum(p.numel() for module in modules for p in module.parameters())


@pytest.mark.parametrize(
    ('num_classes', 'parameters'), [(20, 6_054_484), (19, 6_054_355), (16, 6_053_968)]
)
def test_parameters(num_classes, parameters):
    """Specification (range view) 7.4, check 1; the parts as in 3.1."""
    backbone, head = network(num_classes)
    assert count(backbone, head) == parameters
    assert count(backbone.stem) == 448 + 128 + 8320 + 256 + 33024 + 512 + 131584 + 1024
    stages = [count(stage) for stage in backbone.stages]
    assert stages == [1_394_432, 1_198_336, 1_789_184, 902_912]


def test_one_map_of_1024_channels_at_the_size_of_the_image():
    backbone, head = network(19)
    backbone.init_weights()
    sizes = []
    for stage in backbone.stages:
        stage.register_forward_hook(lambda m, args, out: sizes.append(tuple(out.shape[1:])))
    with torch.no_grad():
        features = backbone(torch.randn(1, 6, 16, 64))
    assert [tuple(f.shape) for f in features] == [(1, 1024, 16, 64)]
    assert sizes == [(128, 16, 64), (128, 8, 32), (128, 4, 16), (128, 2, 8)]
    assert head(features).shape == (1, 19, 16, 64)


def test_upsampling_aligns_the_corners():
    backbone, _ = network(19)
    kept = {}
    backbone.stages[3].register_forward_hook(lambda m, args, out: kept.update(last=out))
    with torch.no_grad():
        (features,) = backbone(torch.randn(1, 6, 16, 32))
    # two rows of four columns become sixteen of 32: row r is r / 15 of the way, column c 3 c / 31
    small = kept['last'][0]
    rows = torch.linspace(0, 1, 16)[:, None]
    tall = small[:, :1] * (1 - rows) + small[:, 1:] * rows
    place = torch.linspace(0, 3, 32)
    left = place.long().clamp(max=2)
    wide = tall[..., left] * (1 + left - place) + tall[..., left + 1] * (place - left)
    assert torch.allclose(features[0, -128:], wide, atol=1e-5)


def test_initialisation_is_kaiming_fan_out():
    backbone, _ = network(19)
    torch.manual_seed(0)
    backbone.init_weights()
    conv = backbone.stages[0][0].body[0]  # from 512 channels to 128
    assert conv.weight.std().item() == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)
    norms = [m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all((m.weight == 1).all() and (m.bias == 0).all() for m in norms) and len(norms) == 40


def test_norm_and_activation_follow_every_convolution_but_the_last():
    backbone, head = network(19)
    acts = [m for m in (*backbone.modules(), *head.modules()) if isinstance(m, nn.LeakyReLU)]
    # four of the stem, two of each of 16 blocks, two of the head
    assert len(acts) == 4 + 2 * 16 + 2 and {m.negative_slope for m in acts} == {0.01}
    parts = [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU]
    assert list(map(type, backbone.stem)) == 4 * parts and list(map(type, head.hidden)) == 2 * parts
