"""Ceil-mode pooling, and the ResNets of French et al. against torchvision's."""

import pytest
import torch
import torchvision
from french import V2, V3PLUS, network
from mmseg.registry import MODELS


def test_the_pooling_rounds_up():
    cfg = dict(type='CeilResNet', depth=18, base_channels=2, stem_channels=2, out_indices=(0,))
    ceil, floor = MODELS.build(cfg), MODELS.build({**cfg, 'type': 'ResNet'})
    floor.load_state_dict(ceil.state_dict())
    image = torch.randn(2, 3, 33, 48)
    assert ceil(image)[0].shape == (2, 2, 9, 13) and floor(image)[0].shape == (2, 2, 9, 12)
    odd = image[..., :41]  # 8 k + 1: nothing is left to round
    torch.testing.assert_close(ceil(odd)[0], floor(odd)[0])


@pytest.mark.parametrize('name', [V2, V3PLUS])
def test_the_weights_of_torchvision_fit(name):
    with torch.device('meta'):
        theirs = torchvision.models.resnet101().state_dict()
        ours = MODELS.build(network(name).backbone).state_dict()
    shapes = {key: value.shape for key, value in theirs.items() if not key.startswith('fc.')}
    assert {key: value.shape for key, value in ours.items()} == shapes


def test_v3plus_computes_torchvisions_features():
    torch.manual_seed(0)
    theirs = torchvision.models.resnet50(replace_stride_with_dilation=[False, True, True]).eval()
    ours = MODELS.build({**network(V3PLUS).backbone, 'depth': 50})
    ours.eval()  # mmseg's returns None
    keys = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert not keys.missing_keys and set(keys.unexpected_keys) == {'fc.weight', 'fc.bias'}
    image = torch.randn(1, 3, 65, 65)
    stem = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(image))))
    with torch.no_grad():
        layer1 = theirs.layer1(stem)
        layer4 = theirs.layer4(theirs.layer3(theirs.layer2(layer1)))
        features = ours(image)
    torch.testing.assert_close(features[0], layer1)
    torch.testing.assert_close(features[3], layer4)


def test_strides_and_dilations():
    """v2: stride in the first 1x1, full dilation; v3+: in the 3x3, contracted first block."""
    with torch.device('meta'):
        v2, v3plus = (MODELS.build(network(name).backbone) for name in (V2, V3PLUS))
    for backbone, strides, first in ((v2, (2, 1), (2, 4)), (v3plus, (1, 2), (1, 2))):
        block = backbone.layer2[0]
        assert (block.conv1.stride[0], block.conv2.stride[0]) == strides
        stages = (backbone.layer3, backbone.layer4)
        assert tuple(stage[0].conv2.dilation[0] for stage in stages) == first
        assert [stage[1].conv2.dilation[0] for stage in stages] == [2, 4]
        assert backbone.maxpool.ceil_mode == (backbone is v2)
