"""The picture of a training step, from the leaves of the methods and a checkpoint."""

import copy
import runpy

import pytest
import torch
from matplotlib import pyplot as plt
from mmengine.config import Config
from mmengine.runner import Runner, set_random_seed
from mmseg.registry import MODELS

from mmseg_plugins.results.step_parts import run_step
from mmseg_plugins.results.step_plots import draw_step

LEAF = 'configs/{}/{}_deeplabv3plus-r18n_1xb8u8_shapes_12-96.py'
LEAVES = {
    'corrmatch': LEAF.format('corrmatch', 'corrmatch'),
    'cutmix': LEAF.format('cutmix', 'cutmix'),
    'cutout': LEAF.format('cutmix', 'cutout'),
}
TITLES = {
    'corrmatch': [
        'weak view',
        'correlation\nto the cross',
        'its region\n(above ½)',
        'mixed image,\nfor the student',
        'pseudo label\nbefore',
        'pseudo label\nafter',
        'filter before\n(≥ 0.850)',
        'filter after',
    ],
    'cutmix': [
        'image A',
        'image B',
        'box',
        'mixed image,\nfor the student',
        'mixed teacher\nprediction',
        'its confidence',
        'confident\n(≥ 0.97)',
    ],
}
TITLES['cutout'] = [
    'image',
    'box',
    'cut image,\nfor the student',
    'teacher\nprediction',
    *TITLES['cutmix'][-2:],
]


@pytest.fixture
def options(tiny_data, monkeypatch):
    """What makes a leaf of shapes draw batches of two from the tiny data set."""
    monkeypatch.chdir(tiny_data.parent)

    def of(name):
        streams = 2 if name == 'cutout' else 3
        return {
            'train_dataloader.dataset.benchmark': 'tiny',
            'train_dataloader.batch_size': 2 * streams,
            'train_dataloader.sampler.source_ratio': [2] * streams,
        }

    return of


@pytest.fixture
def step(root, options):
    """A model that is sure of some pixels, a batch, and class names and colours."""

    def build(name):
        cfg = Config.fromfile(root / LEAVES[name])
        cfg.merge_from_dict(options(name))
        loader = dict(cfg.train_dataloader, num_workers=0, persistent_workers=False)
        loader = Runner.build_dataloader(loader, seed=1)
        return sure(MODELS.build(cfg.model)), next(iter(loader)), loader.dataset.metainfo

    return build


def sure(model):
    set_random_seed(0)
    model.init_weights()
    for network in filter(None, (model.student, model.teacher)):
        network.decode_head.conv_seg.weight.data *= 300
    return model


@pytest.mark.parametrize('name', LEAVES)
def test_a_picture_of_each_method(step, name):
    model, batch, data = step(name)
    parts = run_step(model, batch, images=2)
    assert len(parts.names) == 2 and set(parts.names) <= set('cde')
    figure = draw_step(parts, 'a title', data['classes'], data['palette'])
    pictures = [axes for axes in figure.axes if axes.images]
    bars = [axes for axes in figure.axes if not axes.images]
    columns = len(TITLES[name])
    assert [axes.get_title() for axes in pictures[:columns]] == TITLES[name]
    assert len(pictures) == 2 * columns and len(bars) == 1
    classes, marks = ([text.get_text() for text in legend.texts] for legend in figure.legends)
    assert classes and set(classes) <= set(data['classes']) and {'passes', 'fails'} <= set(marks)
    plt.close(figure)


def test_corrmatch_is_drawn_as_it_trains(step):
    model, batch, _ = step('corrmatch')
    twin = copy.deepcopy(model)
    set_random_seed(5)
    parts = run_step(model, batch, images=2)
    set_random_seed(5)
    twin.train()
    with torch.no_grad():
        numbers = twin.loss(**twin.data_preprocessor(batch, training=True))

    spread, real = parts.propagation, parts.valid.sum()
    added = spread.passed & ~parts.confident
    assert 0 < parts.confident.sum() < real and added.any()
    assert float(numbers['mask_ratio']) == pytest.approx(float(parts.confident.sum() / real))
    assert float(numbers['propagated_ratio']) == pytest.approx(float(added.sum() / real))
    assert float(numbers['threshold']) == parts.threshold != 0.85
    # The map shown is the one that the head sampled: its upper half is the step's region.
    for row, region in zip(spread.correlation, spread.region, strict=True):
        assert torch.equal(row - row.min() > 0.5 * (row.max() - row.min()), region)


def test_cutmix_is_drawn_as_it_trains(step):
    model, batch, _ = step('cutmix')
    set_random_seed(5)
    parts = run_step(model, batch, images=2)
    assert 0 < parts.gate < 1
    assert parts.gate == pytest.approx(float(parts.confident.float().mean()))
    outside = ~parts.box.unsqueeze(1).expand_as(parts.weak)
    assert torch.equal(parts.strong[outside], parts.weak[outside])
    assert torch.equal(parts.strong[~outside], parts.partner[~outside])
    # Denormalised: the grey levels of a file.
    assert torch.allclose(parts.weak * 255, (parts.weak * 255).round(), atol=1e-3)


@pytest.fixture
def call(root, capsys):
    main = runpy.run_path(str(root / 'tools/plot_step.py'))['main']

    def run(*args):
        code = 0
        try:
            main([str(arg) for arg in args])
        except SystemExit as error:
            code = error.code
        return code, capsys.readouterr().out

    return run


@pytest.fixture
def trained(root, options, tmp_path):
    """The command line for a leaf and a checkpoint of it."""

    def make(name):
        cfg = Config.fromfile(root / LEAVES[name])
        path = tmp_path / f'{name}.pth'
        torch.save({'meta': {'iter': 7}, 'state_dict': MODELS.build(cfg.model).state_dict()}, path)
        settings = [f'{k}={v}'.replace(' ', '') for k, v in options(name).items()]
        return root / LEAVES[name], path, '--cfg-options', *settings

    return make


def test_the_tool_writes_png_and_svg(call, trained, tmp_path):
    command = trained('cutmix')
    code, out = call(*command)
    assert code == 0 and out == f'{tmp_path / "cutmix_step.png"}\n'
    assert (tmp_path / 'cutmix_step.png').read_bytes()[1:4] == b'PNG'
    svg, contents = tmp_path / 'new' / 'step.svg', set()
    for _ in range(2):
        assert call(*command, '--out', svg, '--images', 1)[0] == 0
        contents.add(svg.read_bytes())
        svg.unlink()
    assert len(contents) == 1  # the same seed gives the same bytes


def test_bad_input_is_one_line(call, trained, root, tmp_path, tiny_data):
    leaf, path, *rest = trained('corrmatch')
    other = trained('cutmix')[1]
    suponly = root / 'configs/suponly/suponly_deeplabv3plus-r18n_1xb8u0_shapes_12-96.py'

    def error(*args):
        code, _ = call(*args)
        assert isinstance(code, str) and code.startswith('error: ') and '\n' not in code
        return code

    assert 'none.py' in error('none.py', path)
    assert 'none.pth' in error(leaf, 'none.pth')
    message = error(leaf, other)
    assert 'unexpected' in message and 'teacher.' in message and 'missing' in message
    assert 'labelled images alone' in error(suponly, path)
    assert '.gif' in error(leaf, path, '--out', 'step.gif')
    assert 'KEY=VALUE' in error(leaf, path, '--cfg-options', 'seed')
    assert '--images 0' in error(leaf, path, '--images', 0)
    (tiny_data / 'splits/tiny/unlabeled.txt').unlink()
    assert 'unlabeled.txt' in error(leaf, path, *rest)
    assert not list(tmp_path.glob('*_step.png'))
