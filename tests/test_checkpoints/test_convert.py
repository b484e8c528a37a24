"""Public and reference checkpoints under our names: every tensor, in its place."""

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from torch import nn
from torchvision.models.resnet import Bottleneck, ResNet

BN = dict(type='BN')
OURS = {  # by hand, one of each part
    'backbone.conv1.0.weight': 'student.backbone.stem.0.weight',
    'backbone.conv1.4.running_mean': 'student.backbone.stem.4.running_mean',
    'backbone.bn1.bias': 'student.backbone.stem.7.bias',
    'backbone.layer3.5.conv2.weight': 'student.backbone.layer3.5.conv2.weight',
    'head.b0.0.weight': 'student.decode_head.aspp.0.0.weight',
    'head.b3.1.running_var': 'student.decode_head.aspp.3.1.running_var',
    'head.b4.gap.1.weight': 'student.decode_head.image_pool.1.weight',
    'head.project.1.weight': 'student.decode_head.bottleneck.1.weight',
    'reduce.0.weight': 'student.decode_head.c1_bottleneck.0.weight',
    'fuse.1.weight': 'student.decode_head.fusion.0.1.weight',
    'fuse.3.weight': 'student.decode_head.fusion.1.0.weight',
    'fuse.4.bias': 'student.decode_head.fusion.1.1.bias',
    'classifier.bias': 'student.decode_head.conv_seg.bias',
    'proj.0.bias': 'correlation.projection.0.bias',
    'corr.conv1.weight': 'correlation.row.weight',
    'corr.conv2.weight': 'correlation.column.weight',
}


def corrmatch(root, depth):
    """What the committed config of CorrMatch's network builds."""
    config = Config.fromfile(root / 'configs/_base_/networks/deeplabv3plus-r101.py')
    config.network.backbone.depth = depth
    config.network.decode_head.num_classes = config.correlation.num_classes = 21
    with torch.device('meta'):
        return MODELS.build(
            dict(type='CorrMatch', student=config.network, correlation=config.correlation)
        )


def conv(channels, out, kernel=3, stride=1):
    return nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False)


def deep_stem_resnet():
    """torchvision's ResNet-50 with the stem that the public checkpoints have."""
    net = ResNet(Bottleneck, [3, 4, 6, 3], replace_stride_with_dilation=[False, True, True])
    norms = [nn.BatchNorm2d(64), nn.BatchNorm2d(64)]
    net.conv1 = nn.Sequential(
        *(conv(3, 64, stride=2), norms[0], nn.ReLU(), conv(64, 64), norms[1], nn.ReLU()),
        conv(64, 128),
    )
    net.bn1 = nn.BatchNorm2d(128)
    net.layer1[0].conv1 = conv(128, 64, 1)
    net.layer1[0].downsample[0] = conv(128, 256, 1)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    return net.eval()


def test_backbone_computes_the_same(convert, tmp_path):
    net = deep_stem_resnet()
    torch.save(net.state_dict(), tmp_path / 'resnet50.pth')
    code, out, _ = convert('backbone', tmp_path / 'resnet50.pth', tmp_path / 'ours.pth')
    assert code == 0 and 'ResNet-50' in out
    assert '2 dropped: fc.* (2)' in out and '0 missing' in out

    ours = MODELS.build(
        dict(
            type='ResNetV1c', depth=50, stem_channels=128, norm_cfg=BN, strides=(1, 2, 1, 1),
            dilations=(1, 1, 2, 4), contract_dilation=True, out_indices=(0, 3),
        )
    )  # fmt: skip
    ours.eval()  # returns None
    ours.load_state_dict(torch.load(tmp_path / 'ours.pth', weights_only=True)['state_dict'])
    image = torch.randn(1, 3, 65, 65)
    with torch.no_grad():
        x = net.layer1(net.maxpool(net.bn1(net.conv1(image)).relu()))
        expected = x, net.layer4(net.layer3(net.layer2(x)))
        for actual, wanted in zip(ours(image), expected, strict=True):
            torch.testing.assert_close(actual, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('depth', [50, 101])
def test_corrmatch_every_tensor_in_its_place(convert, root, official, number, tmp_path, depth):
    state = official(depth)
    wrapped = {f'module.{name}': value for name, value in state.items()}
    torch.save(dict(model=wrapped, epoch=3), tmp_path / 'theirs.pth')
    code, out, _ = convert('corrmatch', tmp_path / 'theirs.pth', tmp_path / 'ours.pth')
    assert code == 0 and f'ResNet-{depth} and 21 classes' in out
    assert f'{len(state)} tensors mapped' in out and '0 dropped' in out
    assert '1 missing: threshold' in out and 'left to thresh_init' in out

    ours = torch.load(tmp_path / 'ours.pth', weights_only=True)['state_dict']
    assert {value.flatten()[0].item() for value in ours.values()} == {
        number(name).item() for name in state
    }
    for theirs, name in OURS.items():
        assert ours[name].flatten()[0] == number(theirs), theirs
    keys = corrmatch(root, depth).load_state_dict(ours, strict=False, assign=True)
    assert keys.missing_keys == ['threshold'] and not keys.unexpected_keys


def test_corrmatch_with_a_threshold_loads_strictly(convert, root, official, tmp_path):
    torch.save(official(counters=False), tmp_path / 'theirs.pth')
    code, out, _ = convert(
        'corrmatch', tmp_path / 'theirs.pth', tmp_path / 'ours.pth', '--threshold', 0.9
    )
    assert code == 0 and '0 missing' in out and '65 batch norm counters' in out
    state = torch.load(tmp_path / 'ours.pth', weights_only=True)['state_dict']
    assert state['threshold'] == torch.tensor(0.9)
    corrmatch(root, 50).load_state_dict(state, assign=True)

    code, _, error = convert(
        'corrmatch', tmp_path / 'theirs.pth', tmp_path / 'no.pth', '--threshold', 1.5
    )
    assert code == 1 and error.startswith('error: threshold is 1.5')


def test_another_architecture_is_told_what_does_not_fit(convert, official, tmp_path):
    state = {
        name.removeprefix('backbone.'): value
        for name, value in official().items()
        if name.startswith('backbone.')
    }
    state['conv1.weight'] = state.pop('conv1.0.weight')
    state['layer1.0.conv1.weight'] = torch.zeros(64, 64, 1, 1)
    torch.save(state, tmp_path / 'other.pth')
    code, _, error = convert('backbone', tmp_path / 'other.pth', tmp_path / 'out.pth')
    assert code == 1 and '\n' not in error
    assert '1 unexpected (conv1.weight), 1 missing (stem.0.weight), 1 of another shape' in error
    assert 'layer1.0.conv1.weight (64, 64, 1, 1) instead of (64, 128, 1, 1)' in error

    code, _, error = convert('corrmatch', tmp_path / 'other.pth', tmp_path / 'out.pth')
    assert code == 1 and '\n' not in error
    assert f'{len(state)} unexpected' in error and f'and {len(state) - 3} more' in error
    assert [path.name for path in tmp_path.iterdir()] == ['other.pth']
