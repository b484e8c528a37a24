"""ImageNet weights: what is verified, recorded and refused."""

import hashlib
import json

import pytest
import torch

from mmseg_plugins.datasets.prepare import store, weights
from mmseg_plugins.errors import UserError

TORCHVISION, DEEPSTEM = weights.TORCHVISION, weights.DEEPSTEM


def deep_stem(blocks=(3, 4, 23, 3), value=0.0):
    """Names and shapes of the public file; each tensor is one number, seen as many."""
    shapes = {}

    def layer(conv, norm, out, channels, kernel):
        shapes[f'{conv}.weight'] = (out, channels, kernel, kernel)
        for part in ('weight', 'bias', 'running_mean', 'running_var'):
            shapes[f'{norm}.{part}'] = (out,)
        shapes[f'{norm}.num_batches_tracked'] = ()

    layer('conv1.0', 'conv1.1', 64, 3, 3)
    layer('conv1.3', 'conv1.4', 64, 64, 3)
    layer('conv1.6', 'bn1', 128, 64, 3)
    channels = 128
    for stage, count in enumerate(blocks, 1):
        width = 32 << stage
        for block in range(count):
            base = f'layer{stage}.{block}'
            layer(f'{base}.conv1', f'{base}.bn1', width, channels, 1)
            layer(f'{base}.conv2', f'{base}.bn2', width, width, 3)
            layer(f'{base}.conv3', f'{base}.bn3', 4 * width, width, 1)
            if block == 0:
                layer(f'{base}.downsample.0', f'{base}.downsample.1', 4 * width, channels, 1)
            channels = 4 * width
    shapes.update({'fc.weight': (1000, 2048), 'fc.bias': (1000,)})
    return {name: torch.tensor(value).expand(shape) for name, shape in shapes.items()}


@pytest.fixture
def files(tmp_path):
    """A stand-in for torchvision's file with its checksum, and a deep-stem file."""
    given = dict(torchvision=tmp_path / 'r101.pth', deepstem=tmp_path / 'resnet101.pth')
    given['torchvision'].write_bytes(b'weights')
    torch.save(deep_stem(), given['deepstem'])
    return dict(given, checksum=f'sha256:{hashlib.sha256(b"weights").hexdigest()[:8]}')


def test_published_facts():
    assert TORCHVISION == 'resnet101-5d3b4d8f.pth' and weights.CHECKSUM == 'sha256:5d3b4d8f'


def test_both_are_stored_and_recorded(tmp_path, files, capsys):
    out = tmp_path / 'data'
    assert weights.prepare(out, **files)
    sha256 = hashlib.sha256(files['deepstem'].read_bytes()).hexdigest()
    assert f'{DEEPSTEM}: sha256 {sha256} of resnet101.pth recorded' in capsys.readouterr().out
    facts = json.loads((out / 'weights/manifest.json').read_text())['facts']
    assert facts['given'][DEEPSTEM] == sha256
    assert (out / 'weights' / TORCHVISION).read_bytes() == b'weights'
    state = torch.load(out / 'weights' / DEEPSTEM, weights_only=True)['state_dict']
    assert 'stem.6.weight' in state and not any(name.startswith('fc.') for name in state)
    assert store.verify(out, 'weights') == 2
    assert not weights.prepare(out, **files)
    assert not weights.prepare(out)


def test_one_after_the_other(tmp_path, files):
    out = tmp_path / 'data'
    weights.prepare(out, deepstem=files['deepstem'])
    with pytest.raises(UserError, match=f'{TORCHVISION}: missing; give --torchvision FILE'):
        weights.prepare(out)
    weights.prepare(out, torchvision=files['torchvision'], checksum=files['checksum'])
    assert store.verify(out, 'weights') == 2


def test_download(tmp_path, files, monkeypatch):
    out, asked = tmp_path / 'data', []

    def download(url, target, checksum):
        asked.append((url, checksum))
        target.parent.mkdir(parents=True)
        target.write_bytes(b'weights')

    monkeypatch.setattr(weights.fetch, 'download', download)
    for written in (True, False):
        assert weights.prepare(out, download=True, checksum=files['checksum']) is written
    assert asked == [(weights.URL, files['checksum'])]
    assert store.verify(out, 'weights') == 1


def test_another_deep_stem_file_is_refused(tmp_path, files):
    out = tmp_path / 'data'
    weights.prepare(out, **files)
    torch.save(deep_stem(value=1.0), files['deepstem'])
    with pytest.raises(UserError, match=r'was made from another file .*pass --force to replace'):
        weights.prepare(out, **files)
    assert weights.prepare(out, **files, force=True)
    state = torch.load(out / 'weights' / DEEPSTEM, weights_only=True)['state_dict']
    assert state['stem.0.weight'].max() == 1


def test_damage_is_named(tmp_path, files):
    out = tmp_path / 'data'
    weights.prepare(out, **files)
    (out / 'weights' / TORCHVISION).write_bytes(b'changed')
    with pytest.raises(UserError, match=f'{TORCHVISION}: changed; prepare again with --force'):
        weights.prepare(out)


def lose_a_tensor(state):
    del state['layer3.5.conv2.weight']


def change_a_shape(state):
    state['layer1.0.conv1.weight'] = torch.zeros(64, 64, 1, 1)


def add_a_tensor(state):
    state['layer5.0.conv1.weight'] = torch.zeros(1)


@pytest.mark.parametrize(
    'spoil, message',
    [
        (lose_a_tensor, 'does not fit .*missing'),
        (change_a_shape, 'does not fit .*of another shape'),
        (add_a_tensor, 'does not fit .*unexpected'),
    ],
)
def test_bad_deep_stem_files(tmp_path, files, spoil, message):
    state = deep_stem()
    spoil(state)
    torch.save(state, files['deepstem'])
    with pytest.raises(UserError, match=message) as caught:
        weights.prepare(tmp_path / 'data', deepstem=files['deepstem'])
    assert '\n' not in str(caught.value)
    assert not (tmp_path / 'data').exists()


def test_other_bad_files(tmp_path, files):
    out = tmp_path / 'data'
    torch.save(deep_stem((3, 4, 6, 3)), files['deepstem'])
    with pytest.raises(UserError, match='a backbone of 23,631,808 parameters, expected 42,623,936'):
        weights.prepare(out, deepstem=files['deepstem'])
    files['torchvision'].write_bytes(b'other')
    with pytest.raises(UserError, match='r101.pth has the sha256 .* get it again'):
        weights.prepare(out, files['torchvision'], checksum=files['checksum'])
    with pytest.raises(UserError, match='nowhere.pth: no such file'):
        weights.prepare(out, torchvision=tmp_path / 'nowhere.pth')
    torch.save(dict(evil=torch.nn.ReLU()), files['deepstem'])
    with pytest.raises(UserError, match='holds pickled code'):
        weights.prepare(out, deepstem=files['deepstem'])
    assert not (out / 'weights').exists()
