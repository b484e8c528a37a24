"""``weights://`` from a data root below the working directory, and from the checkout's."""

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.runner.checkpoint import CheckpointLoader
from mmseg.registry import MODELS

import mmseg_plugins
from mmseg_plugins.errors import UserError


def build():
    config = ConfigDict(type='ResNetV1c', depth=18, base_channels=4, stem_channels=4)
    config.init_cfg = dict(type='Pretrained', checkpoint='weights://tiny.pth')
    return MODELS.build(config)


@pytest.mark.parametrize('where', ['cwd', 'checkout'])
def test_a_backbone_starts_from_it(tmp_path, monkeypatch, where):
    for name in ('cwd', 'checkout'):
        (tmp_path / name).mkdir()
    weights = tmp_path / where / 'data/weights'
    weights.mkdir(parents=True)
    monkeypatch.chdir(tmp_path / 'cwd')
    package = tmp_path / 'checkout/mmseg_plugins/__init__.py'
    monkeypatch.setattr(mmseg_plugins, '__file__', str(package))

    with pytest.raises(UserError, match='tiny.pth.*python tools/prepare_data.py weights$'):
        build().init_weights()

    source = build()
    for value in source.state_dict().values():
        value.fill_(3)
    # the classifier of an ImageNet file is passed over
    torch.save({**source.state_dict(), 'fc.weight': torch.ones(1)}, weights / 'tiny.pth')
    backbone = build()
    backbone.init_weights()
    assert all((value == 3).all() for value in backbone.state_dict().values())

    (weights / 'tiny.pth').write_bytes(b'half')
    with pytest.raises(UserError, match='truncated'):
        build().init_weights()


def test_without_a_weights_folder(tmp_path, monkeypatch):
    (tmp_path / 'data').mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match='data/weights, needed for weights://tiny.pth; run: python'):
        build().init_weights()


@pytest.mark.parametrize(
    'name, first, other',
    [
        ('resnet101_deepstem.pth', 'stem.0.weight', 'conv1.0.weight'),  # as it is published
        ('resnet101-5d3b4d8f.pth', 'conv1.weight', 'stem.0.weight'),
    ],
)
def test_another_file_under_a_known_name(tmp_path, monkeypatch, name, first, other):
    """MMEngine would warn, and train from a stem of random weights."""
    (tmp_path / 'data/weights').mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    torch.save(
        {other: torch.ones(1), 'layer1.0.conv1.weight': torch.ones(1)}, f'data/weights/{name}'
    )
    with pytest.raises(
        UserError, match=f'has no {first}; run: python tools/prepare_data.py weights'
    ):
        CheckpointLoader.load_checkpoint(f'weights://{name}')
    torch.save(dict(state_dict={first: torch.ones(1)}), f'data/weights/{name}')
    assert first in CheckpointLoader.load_checkpoint(f'weights://{name}')['state_dict']
