"""The leaves of the matrix, and data roots whose lists stand in for the recorded ones."""

import copy
import gc
from functools import partial

import placeholders
import pytest
from mmengine.config import Config
from yapf.yapflib import yapf_api

from mmseg_plugins.datasets import split_list
from mmseg_plugins.datasets.prepare import lists
from mmseg_plugins.matrix import load_matrix, matrix_leaves


@pytest.fixture(scope='session')
def leaves(root):
    return list(matrix_leaves(load_matrix(root / 'configs/matrix.yml')))


@pytest.fixture(scope='session')
def config(root):
    """Load a leaf by its name; a copy of it on every call."""
    loaded = {}

    def load(name):
        if name not in loaded:
            loaded[name] = Config.fromfile(root / 'configs' / name)
        return copy.deepcopy(loaded[name])

    return load


@pytest.fixture
def recorded(monkeypatch, tmp_path):
    """Call with a data root: its own lists are then the recorded ones."""

    def use(data):
        table = placeholders.record_lists(data, tmp_path / 'lists.csv')
        monkeypatch.setattr(split_list, 'record_at', partial(lists.record_at, table=table))
        monkeypatch.setattr(split_list, 'verify_list', partial(lists.verify_list, table=table))
        return table

    return use


@pytest.fixture
def at(monkeypatch):
    """Call with a data root: a relative ``data`` is then it."""

    def use(data):
        assert data.name == 'data'
        monkeypatch.chdir(data.parent)
        return data

    return use


@pytest.fixture(scope='module')
def quick():
    """Without what costs most in a short run and decides nothing in it.

    MMEngine collects garbage for every dataset and lays out every dump of a config with yapf.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, 'collect', lambda *args: 0)
        patch.setattr(yapf_api, 'FormatCode', lambda text, **kwargs: (text, False))
        yield
