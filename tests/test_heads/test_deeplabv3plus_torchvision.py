"""DeepLabV3PlusHead with the options of French et al."""

import torch
import torch.nn.functional as F
from french import V3PLUS, network
from mmseg.registry import MODELS
from torch import nn
from torchvision.models.segmentation.deeplabv3 import ASPP


def build():
    cfg = network(V3PLUS).decode_head
    return MODELS.build({**cfg, 'in_channels': (8, 32), 'channels': 256, 'c1_channels': 4})


def perturb(module):
    """Statistics and scales that an untrained batch norm would hide."""
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor += 0.1 * torch.rand_like(tensor)


def test_the_aspp_is_torchvisions():
    torch.manual_seed(0)
    theirs, ours = ASPP(32, [12, 24, 36]), build()
    assert [type(m) for m in theirs.project][-1] is nn.Dropout  # elementwise, after the ReLU
    assert type(ours.aspp_dropout) is nn.Dropout and ours.aspp_dropout.p == theirs.project[3].p
    perturb(theirs)
    parts = {**{f'aspp.{i}': f'convs.{i}' for i in range(4)}, 'bottleneck': 'project'}
    state = {
        f'{part}.{key}': value
        for part, origin in parts.items()
        for key, value in theirs.get_submodule(origin).state_dict().items()
    }
    pooling = theirs.convs[4].state_dict()
    state.update({f'image_pool.{key}': value for key, value in pooling.items()})
    keys = ours.load_state_dict(state, strict=False)
    assert not keys.unexpected_keys
    assert {key.split('.')[0] for key in keys.missing_keys} == {
        'c1_bottleneck',
        'fusion',
        'conv_seg',
    }
    features = [torch.randn(2, 8, 33, 65), None, None, torch.randn(2, 32, 17, 33)]
    seen = []
    ours.aspp_dropout.register_forward_hook(lambda *call: seen.append(call[2]))
    with torch.no_grad():
        logits = ours.eval()(features)
        expected = theirs.eval()(features[3])
        torch.testing.assert_close(seen[0], expected)
        # the rest of the decoder, specification 4.2
        up = F.interpolate(expected, (33, 65), mode='bilinear', align_corners=False)
        rest = ours.fusion(torch.cat([ours.c1_bottleneck(features[0]), up], dim=1))
        torch.testing.assert_close(logits, ours.conv_seg(rest))


def test_initialisation():
    torch.manual_seed(0)
    head = build()
    head.init_weights()
    convs = [module for module in head.modules() if isinstance(module, nn.Conv2d)]
    assert len(convs) == 10
    for conv in convs:
        fan_in = conv.weight[0].numel()
        kurtosis = (conv.weight / conv.weight.std()).pow(4).mean().item()
        tolerance = 5 / conv.weight.numel() ** 0.5  # five standard errors of a normal law
        assert abs(conv.weight.std() * (fan_in / 2) ** 0.5 - 1) < tolerance
        assert abs(kurtosis - 3) < 5 * tolerance, 'not normal'
    for module in head.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all() and (module.bias == 0).all()
