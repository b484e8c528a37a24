"""Shared fixtures; importing the package fills the registries."""

import os
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '2')

import numpy as np
import pytest
from mmengine.registry import init_default_scope

import mmseg_plugins  # noqa: F401

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / 'tests' / 'data' / 'golden'


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmseg')


@pytest.fixture
def golden():
    """Load committed golden numbers: ``golden('cutmix/cutmix_masks')``."""
    return lambda name: np.load(GOLDEN / f'{name}.npz')


@pytest.fixture
def root() -> Path:
    """The checkout."""
    return ROOT
