"""Experiment trackers, switched on as the documentation says."""

import importlib.util

import pytest
from mmengine.config import Config
from mmseg.registry import VISUALIZERS

from mmseg_plugins.errors import UserError

LEAF = 'configs/corrmatch/corrmatch_deeplabv3plus-r18n_1xb8u8_shapes_12-96.py'
BACKENDS = {
    'tensorboard': 'TensorboardVisBackend',
    'wandb': 'WandbVisBackend',
    'mlflow': 'MLflowVisBackend',
}


@pytest.fixture
def leaf(root, monkeypatch):
    """Read a leaf with a tracker, or without."""
    monkeypatch.delenv('MLFLOW_TRACKING_URI', raising=False)

    def read(tracker=None, path=root / LEAF):
        monkeypatch.delenv('MMSEG_TRACKER', raising=False)
        if tracker:
            monkeypatch.setenv('MMSEG_TRACKER', tracker)
        return Config.fromfile(path)

    return read


def kinds(cfg):
    return [backend.type for backend in cfg.visualizer.vis_backends]


def test_without_one_a_run_writes_its_files(leaf):
    assert kinds(leaf()) == ['LocalVisBackend'] and not {'os', 'importlib'} & leaf().keys()


@pytest.mark.parametrize('name', BACKENDS)
def test_a_tracker_comes_beside_the_files(leaf, name, tmp_path):
    cfg, plain = leaf(name), leaf()
    assert kinds(cfg) == ['LocalVisBackend', BACKENDS[name]]
    assert cfg.visualizer.type == 'SegLocalVisualizer'
    # nothing else changes, and the config that a run leaves behind needs no variable
    assert {k: v for k, v in cfg.items() if plain.get(k) != v}.keys() == {'visualizer'}
    cfg.dump(tmp_path / 'dumped.py')
    assert kinds(leaf(path=tmp_path / 'dumped.py')) == kinds(cfg)


def test_options_of_a_tracker_on_the_command_line(leaf):
    cfg = leaf('wandb')
    cfg.merge_from_dict({'visualizer.vis_backends.1.init_kwargs.project': 'mine'})
    assert cfg.visualizer.vis_backends[1].init_kwargs == {'project': 'mine'}


def test_mlflow_follows_its_own_variable(leaf, monkeypatch):
    assert leaf('mlflow').visualizer.vis_backends[1].tracking_uri == 'sqlite:///mlflow.db'
    monkeypatch.setenv('MLFLOW_TRACKING_URI', 'http://localhost:1')
    assert leaf('mlflow').visualizer.vis_backends[1].tracking_uri == 'http://localhost:1'


@pytest.mark.parametrize('name', ['nope', '../runtime'])
def test_an_unknown_tracker_is_named(leaf, name):
    with pytest.raises(UserError) as error:
        leaf(name)
    assert str(error.value) == (
        f'MMSEG_TRACKER={name!r} is no tracker; use tensorboard, wandb or mlflow, or unset it'
    )


def test_every_tracker_is_known(root):
    found = {path.stem for path in (root / 'configs/_base_/trackers').glob('*.py')}
    assert found == {'known', 'local', *BACKENDS}


@pytest.mark.parametrize('name', BACKENDS)
def test_a_tracker_takes_scalars(leaf, name, tmp_path, monkeypatch):
    """Where its package is installed; where not, mmengine says what to install."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('WANDB_MODE', 'offline')
    cfg = leaf(name)
    cfg.work_dir = str(tmp_path)
    visualizer = VISUALIZERS.build(
        dict(cfg.visualizer, name=f'{name} test', save_dir=str(tmp_path))
    )
    if importlib.util.find_spec(name) is None:
        with pytest.raises(ImportError, match=f'pip install .*{name}'):
            visualizer.add_config(cfg)
        return
    visualizer.add_config(cfg)
    visualizer.add_scalars({'loss': 1.0, 'mIoU': 50.0}, step=1)
    visualizer.close()
    assert (tmp_path / 'vis_data/scalars.json').is_file()
    places = {'tensorboard': 'vis_data/*tfevents*', 'wandb': '**/*.wandb', 'mlflow': 'mlflow.db'}
    assert list(tmp_path.glob(places[name]))
