"""The leaves are as the matrix generates them, and every one builds."""

import json
import re
import runpy
import shutil
import sys

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS

from mmseg_plugins.errors import UserError
from mmseg_plugins.matrix import leaf_text, load_matrix, matrix_leaves, readme_table
from mmseg_plugins.results.published import read_published

CLASSES = dict(shapes=6, camvid=11, voc=21, cityscapes=19, ade20k=150, scans=9, nuscenes=16)
CLASSES.update(semantickitti=19, scribblekitti=19)


@pytest.fixture(scope='module')
def leaves(root):
    return list(matrix_leaves(load_matrix(root / 'configs/matrix.yml')))


@pytest.fixture(scope='module')
def configs(root, leaves):
    return {leaf.name: Config.fromfile(root / 'configs' / leaf.name) for leaf in leaves}


def test_leaves_and_their_table_are_as_generated(leaves, root):
    for leaf in leaves:
        text = (root / 'configs' / leaf.name).read_text()
        assert text == leaf_text(leaf), f'run tools/make_configs.py: {leaf.name}'
    folders = {(root / 'configs' / leaf.name).parent for leaf in leaves}
    present = {str(p.relative_to(root / 'configs')) for f in folders for p in f.glob('*.py')}
    assert present == {leaf.name for leaf in leaves} and len(present) == len(leaves)
    readme = (root / 'configs/README.md').read_text()
    assert readme == readme_table(readme, leaves, read_published()), 'run tools/make_configs.py'
    assert all(f'mim train mmseg configs/{leaf.name} ' in readme for leaf in leaves)


def test_numbers_of_every_leaf(leaves, configs):
    for leaf in leaves:
        cfg = configs[leaf.name]
        protocol, loader = cfg.protocol, cfg.train_dataloader
        method, network, benchmark = protocol.method, protocol.network, protocol.benchmark
        assert protocol.cell == f'{benchmark}/{method}/{network}'
        assert leaf.name.rpartition('/')[2].startswith(f'{method}_{network}_')
        assert protocol.iterations == cfg.train_cfg.max_iters
        if 'param_scheduler' in cfg:
            extra = 2 * cfg.param_scheduler.get('begin', 0)  # see schedules/sgd_poly.py
            assert cfg.param_scheduler.end == protocol.iterations + extra
        assert protocol.iterations % cfg.train_cfg.val_interval == 0
        assert loader.batch_size == sum(loader.sampler.source_ratio)
        assert len(loader.dataset.streams) == len(loader.sampler.source_ratio)
        assert loader.dataset.benchmark == benchmark
        count = benchmark.rpartition('_')[2]
        if count.endswith('pct'):
            share = int(count[:-3]) * leaf.settings['images'] // 100
            assert protocol.labelled_images == share
        else:
            assert int(count) == protocol.labelled_images
        assert loader.dataset.get('allow_overlap', False) == (protocol.unlabelled_pool == 'all')
        coupled = loader.sampler.get('coupled_to')
        same = bool(coupled) and coupled[2:] == [1]
        assert (protocol.cutmix_partner == 'same image') == same
        # passes over the list, as a sampler of each GPU counts them
        epochs = {'voc': 80, 'cityscapes': 240, 'ade20k': 40}.get(benchmark.partition('_')[0])
        if epochs and 'french' not in benchmark and method == 'corrmatch':
            share = -(-protocol.unlabelled_images // protocol.gpus)
            assert protocol.iterations == epochs * (share // protocol.unlabelled_batch)


@pytest.mark.parametrize(
    ('name', 'iterations'),
    [
        ('corrmatch/corrmatch_deeplabv3plus-r101_4xb2u2_voc_classic_92-321.py', 104880),
        ('cutmix/cutmix_deeplabv2-r101_1xb10u10_voc_french_106-321.py', 40000),
        ('cutmix/cutmix_deeplabv2-r101_1xb4u4_cityscapes_french_100-256x512.py', 40000),
    ],
)
def test_iterations_of_the_papers(configs, name, iterations):
    assert configs[name].train_cfg.max_iters == iterations


def test_every_model_builds(configs):
    """On the meta device, each distinct one once."""
    built = set()
    for cfg in configs.values():
        key = json.dumps(cfg.model.to_dict())
        if key in built:
            continue
        built.add(key)
        with torch.device('meta'):
            model = MODELS.build(cfg.model)
        student = model if cfg.protocol.method == 'suponly' else model.student
        name = cfg.protocol.benchmark.partition('_')[0]
        assert student.decode_head.num_classes == CLASSES[name]
        averaged = any(hook.type == 'EMAHook' for hook in cfg.get('custom_hooks', []))
        network = 'ema' if averaged else getattr(model, 'predict_on', 'student')
        assert cfg.protocol.predict_on == network
    assert len(built) >= 20


def test_every_target_has_one_primary_leaf(leaves):
    published = read_published()
    targets = published[published['target'] != '']
    assert len(targets) == 33
    for cell in targets['cell']:
        primary = [leaf for leaf in leaves if leaf.protocol['cell'] == cell]
        primary = [leaf for leaf in primary if leaf.protocol['primary']]
        assert len(primary) == 1, cell
        family = cell.rpartition('/')[0]
        if '/corrmatch' in family:
            crops = dict(voc_classic=321, voc_u2pl=513, cityscapes_cps=801)
            assert primary[0].protocol['crop'] == crops[family.partition('/')[0].rpartition('_')[0]]


def test_methods_of_a_cell_share_the_labelled_augmentation(configs):
    """Unequal augmentation of the labelled images fakes a gain."""
    pipelines = {}
    for cfg in configs.values():
        dataset = cfg.train_dataloader.dataset
        stream = dataset.streams[0]
        assert stream.source == 'labeled'
        branch = 'MultiBranch' in str(stream.pipeline)
        pack = stream.pipeline[0].sup if branch else stream.pipeline
        assert len(pack) == 1 and pack[0]['type'].startswith('Pack')
        key = cfg.protocol.benchmark, str(cfg.protocol.crop)
        pipelines.setdefault(key, []).append(json.dumps(dataset.labeled.pipeline))
    assert all(len(set(group)) == 1 for group in pipelines.values())
    assert max(map(len, pipelines.values())) >= 5


def edited_matrix(root, tmp_path, old, new):
    text = (root / 'configs/matrix.yml').read_text()
    assert old in text
    path = tmp_path / 'matrix.yml'
    path.write_text(text.replace(old, new, 1))
    (tmp_path / '_base_').symlink_to(root / 'configs/_base_')
    return path


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        (
            'methods: [suponly, cutmix, corrmatch]',
            'methods: [suponly, cutmax]',
            r"benchmark shapes names unknown methods \['cutmax'\]; known are \['suponly'",
        ),
        (
            'methods: [suponly, cutmix, cutmix-colour, cutout, cutout-colour]',
            'methods: [corrmatch]',
            'benchmark voc_french asks for corrmatch on deeplabv2-r101, which is not allowed: '
            'corrmatch needs a network with a correlation branch',
        ),
        ('labelled: [12, 24, 48]', 'labelled: [12, 201]', r'labels 201 of 200 images'),
        ('labelled: [12, 24, 48]', 'labelled: 12', "shapes sets 'labelled' to 12; give a list"),
        (
            'labelled: [12, 24, 48]',
            'labelled: [195]',
            'the other 5 make no batch of 8 on each of 1 ',
        ),
        ('    images: 367\n', '', "benchmark camvid lacks the setting 'images'"),
        ('    val_epochs: 1\n', '', "voc_classic lacks the setting 'val_interval' or 'val_epochs'"),
        ('    max_iters: 600\n', '    iters: 600\n', "shapes lacks the setting 'max_iters' or"),
        ('    gpus: 1\n', '    gpus: 0\n', "shapes sets 'gpus' to 0; give 1 or more"),
        ('    gpus: 1\n', '    gpus: 1\n    gpu: 1\n', "unknown setting 'gpu'; known are networks"),
        ('    base: shapes\n', '    base: shape\n', r"benchmarks/shape\.py, .*there are \['ade20k"),
        ('schedules:\n', 'schedule:\n', "has no part 'schedules'"),
        ('streams: [labelled, unlabelled]', 'streams: [labeled]', r"unknown streams \['labeled'\]"),
        (
            ', setting: *reference, primary: false}',
            ', setting: *reference}',
            'cell voc_classic_92/corrmatch/deeplabv3plus-r101 has two primary leaves',
        ),
        ('networks:\n', 'networks: [\n', 'line 8: not valid YAML'),
        (
            'speed: [bf16]',
            'speed: [fp8]',
            r"names unknown speed \['fp8'\]; known are \['bf16', 'chan",
        ),
        ('speed: [bf16]', 'speed: bf16', "sets 'speed' to 'bf16'; give a list"),
        (
            '{methods: [corrmatch], labelled: [12], speed: [batch',
            '{methods: [cutout], labelled: [12], speed: [batch',
            'has speed batch_partner for cutout, which has no stream of CutMix partners',
        ),
        (
            'speed: [accumulate]',
            'labelled_batch: 3, speed: [accumulate]',
            r'has speed accumulate, which halves the batches \[3, 8\]; use even ones',
        ),
        (
            'speed: [bf16]',
            'crop: 64, speed: [bf16]',
            'derives from corrmatch/.*_12-64.py, which is no leaf; add a product like it without',
        ),
    ],
)
def test_mistakes_in_the_matrix(root, tmp_path, old, new, message):
    with pytest.raises(UserError, match=message) as error:
        load_matrix(edited_matrix(root, tmp_path, old, new))
    assert str(error.value).count('\n') == 0


def test_no_matrix(tmp_path):
    with pytest.raises(UserError, match='matrix not found'):
        load_matrix(tmp_path / 'none.yml')


def test_a_new_family_needs_an_entry_only(root, tmp_path):
    entry = (
        'benchmarks:\n  toy_ours:\n    <<: *tiny\n    base: shapes\n    num_classes: 6\n'
        '    crop: 96\n    images: 40\n    labelled: [4, 8]\n    labelled_batch: 2\n'
        '    unlabelled_batch: 2\n    epochs: 3\n    val_epochs: 1\n'
        '    products:\n      - {methods: [suponly, corrmatch]}\n'
    )
    matrix = load_matrix(edited_matrix(root, tmp_path, 'benchmarks:\n', entry))
    toys = [leaf for leaf in matrix_leaves(matrix) if leaf.protocol['benchmark'][:3] == 'toy']
    assert [leaf.protocol['iterations'] for leaf in toys] == [54, 54, 48, 48]  # 3 x 36 / 2, 32 / 2
    assert toys[1].name == 'corrmatch/corrmatch_deeplabv3plus-r18n_1xb2u2_toy_ours_4-96.py'
    assert "cell='toy_ours_4/corrmatch/deeplabv3plus-r18n'" in leaf_text(toys[1])
    assert re.search(r"benchmark='toy_ours_8'", leaf_text(toys[3]))


def test_several_options_in_one_leaf(root, tmp_path):
    """Its text is a config in which all of them are set."""
    several = 'speed: [bf16, compile, checkpointing, batch_partner, accumulate]'
    path = edited_matrix(root, tmp_path, 'speed: [bf16]', several)
    leaf = next(leaf for leaf in matrix_leaves(load_matrix(path)) if len(leaf.speed) == 5)
    (tmp_path / 'corrmatch').mkdir()
    shutil.copy(root / 'configs' / leaf.plain, tmp_path / leaf.plain)
    (tmp_path / leaf.name).write_text(leaf_text(leaf))
    cfg, plain = (Config.fromfile(tmp_path / name) for name in (leaf.name, leaf.plain))
    assert leaf.name.endswith('-bf16-compile-checkpointing-batch_partner-accumulate.py')
    assert cfg.protocol.speed == 'bf16, compile, checkpointing, batch_partner, accumulate'
    assert cfg.optim_wrapper == dict(plain.optim_wrapper, type='BFloat16OptimWrapper')
    added = dict(compile=dict(type='CompileHook'), checkpointing=dict(type='CheckpointingHook'))
    assert cfg.default_hooks == dict(plain.default_hooks, **added)
    assert cfg.train_cfg == dict(plain.train_cfg, accumulate=2)
    assert cfg.model.box == dict(plain.model.box, partner='batch')
    loader = cfg.train_dataloader
    assert (loader.batch_size, loader.sampler.source_ratio) == (8, [4, 4])
    assert loader.sampler.coupled_to == [1, None] and len(loader.dataset.streams) == 2
    assert not cfg.get('compile')  # MMEngine's own: the whole step


def test_check_fails_on_a_changed_leaf(tmp_path, root, capsys, monkeypatch):
    shutil.copytree(root / 'configs', tmp_path / 'configs')
    leaf = next((tmp_path / 'configs/cutmix').glob('*.py'))
    leaf.write_text(leaf.read_text() + '# edited\n')
    tool = str(root / 'tools/make_configs.py')
    monkeypatch.setattr(sys, 'argv', [tool, '--check', '--configs', str(tmp_path / 'configs')])
    with pytest.raises(SystemExit, match='1 files differ from matrix.yml'):
        runpy.run_path(tool, run_name='__main__')
    assert capsys.readouterr().out.strip() == f'cutmix/{leaf.name}'
    monkeypatch.setattr(sys, 'argv', [tool, '--configs', str(tmp_path / 'configs')])
    runpy.run_path(tool, run_name='__main__')
    assert leaf.read_text() == (root / 'configs/cutmix' / leaf.name).read_text()
