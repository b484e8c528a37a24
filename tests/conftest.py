"""Shared fixtures; importing the package fills the registries."""

import os
import signal
from pathlib import Path

# two processes side by side have a core each
os.environ.setdefault('OMP_NUM_THREADS', '1' if 'PYTEST_XDIST_WORKER' in os.environ else '2')

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from PIL import Image

import mmseg_plugins  # noqa: F401

# What runs in the background (`make test &`) ignores Ctrl-C, and so would the processes under test.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / 'tests' / 'data' / 'golden'


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmseg')


@pytest.fixture
def golden():
    """Load committed golden numbers: ``golden('cutmix/cutmix_masks')``."""
    return lambda name: np.load(GOLDEN / f'{name}.npz')


@pytest.fixture(scope='session')
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture
def tiny_data(tmp_path) -> Path:
    """A data root in the layout of ``shapes``: six 40 x 48 images, two labelled, one to score."""
    rng = np.random.default_rng(0)
    data = tmp_path / 'data'
    images, masks = data / 'shapes/JPEGImages', data / 'shapes/SegmentationClass'
    for folder in (images, masks, data / 'splits/tiny', data / 'shapes/ImageSets/Segmentation'):
        folder.mkdir(parents=True)
    for name in 'abcdef':
        Image.fromarray(rng.integers(0, 256, (40, 48, 3), np.uint8)).save(images / f'{name}.png')
        mask = np.repeat(rng.integers(0, 6, (40, 1), np.uint8), 48, axis=1)
        Image.fromarray(mask).save(masks / f'{name}.png')
    (data / 'splits/tiny/labeled.txt').write_text('a\nb\n')
    (data / 'splits/tiny/unlabeled.txt').write_text('c\nd\ne\n')
    (data / 'shapes/ImageSets/Segmentation/val.txt').write_text('f\n')
    return data
