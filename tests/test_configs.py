"""The leaves are as the matrix generates them, and every one builds."""

import runpy
import shutil
import sys

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS

from mmseg_plugins.errors import UserError
from mmseg_plugins.matrix import leaves, load_matrix


@pytest.fixture
def matrix(root):
    return load_matrix(root / 'configs/matrix.yml')


def test_leaves_are_as_generated(matrix, root):
    wanted = leaves(matrix)
    for name, text in wanted.items():
        assert (root / 'configs' / name).read_text() == text, f'run tools/make_configs.py: {name}'
    present = {
        str(path.relative_to(root / 'configs'))
        for method in matrix['methods']
        for path in (root / 'configs' / method).glob('*.py')
    }
    assert present == set(wanted)


def test_every_leaf_builds(matrix, root):
    stems = set()
    for name in leaves(matrix):
        cfg = Config.fromfile(root / 'configs' / name)
        protocol = cfg.protocol
        network, method = protocol.network, protocol.method
        assert protocol.cell == f'{protocol.benchmark}/{method}/{network}'
        assert name.startswith(f'{method}/{method}_{network}_')
        assert protocol.iterations == cfg.train_cfg.max_iters == cfg.param_scheduler.end
        loader = cfg.train_dataloader
        assert loader.batch_size == sum(loader.sampler.source_ratio)
        assert loader.dataset.benchmark == protocol.benchmark
        assert len(loader.dataset.streams) == len(loader.sampler.source_ratio)
        assert (cfg.model.type == 'EncoderDecoder') == (method == 'suponly')
        coupled = loader.sampler.get('coupled_to')
        same = bool(coupled) and coupled[2] == 1 and cfg.model.box.get('partner') != 'batch'
        assert (protocol.cutmix_partner == 'same image') == same
        with torch.device('meta'):
            model = MODELS.build(cfg.model)
        classes = 6 if protocol.benchmark.startswith('shapes') else 11
        head = model.decode_head if method == 'suponly' else model.student.decode_head
        assert head.num_classes == classes
        stems.add(name)
    assert len(stems) == len(leaves(matrix))


def test_methods_of_a_cell_share_the_labelled_augmentation(root):
    """Unequal augmentation of the labelled images fakes a gain."""
    pipelines = []
    for leaf in sorted((root / 'configs').glob('*/*_shapes_12-96.py')):
        dataset = Config.fromfile(leaf).train_dataloader.dataset
        pipelines.append(dataset.labeled.to_dict()['pipeline'])
        stream = dataset.streams[0]
        assert stream.source == 'labeled'
        pack = (
            stream.pipeline if 'MultiBranch' not in str(stream.pipeline) else stream.pipeline[0].sup
        )
        assert [transform['type'] for transform in pack] == ['PackSegInputs']
    assert len(pipelines) == 3 and pipelines[0] == pipelines[1] == pipelines[2]


def test_unknown_names_in_the_matrix(tmp_path, root):
    text = (root / 'configs/matrix.yml').read_text()
    path = tmp_path / 'matrix.yml'
    path.write_text(text.replace('methods: [suponly, cutmix', 'methods: [suponly, cutmax', 1))
    with pytest.raises(UserError, match=r"shapes names unknown methods \['cutmax'\]; known are"):
        load_matrix(path)
    with pytest.raises(UserError, match='matrix not found'):
        load_matrix(tmp_path / 'none.yml')


def test_check_fails_on_a_changed_leaf(tmp_path, root, capsys, monkeypatch):
    shutil.copytree(root / 'configs', tmp_path / 'configs')
    leaf = next((tmp_path / 'configs/cutmix').glob('*.py'))
    leaf.write_text(leaf.read_text() + '# edited\n')
    tool = str(root / 'tools/make_configs.py')
    monkeypatch.setattr(sys, 'argv', [tool, '--check', '--configs', str(tmp_path / 'configs')])
    with pytest.raises(SystemExit, match='1 leaves differ from matrix.yml'):
        runpy.run_path(tool, run_name='__main__')
    assert capsys.readouterr().out.strip() == f'cutmix/{leaf.name}'
    monkeypatch.setattr(sys, 'argv', [tool, '--configs', str(tmp_path / 'configs')])
    runpy.run_path(tool, run_name='__main__')
    assert leaf.read_text() == (root / 'configs/cutmix' / leaf.name).read_text()
