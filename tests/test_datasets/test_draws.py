"""A sample's augmentation belongs to its draw: not to the worker, the rank or what came before."""

import pickle
import random

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmseg.registry import TRANSFORMS
from PIL import Image

from mmseg_plugins.datasets import MultiSourceSampler, SemiDataset
from mmseg_plugins.datasets.samplers import Draw
from mmseg_plugins.seeding import ITERATION, seed_all, seeded

RANKS = 'mmseg_plugins.datasets.samplers.multi_source_sampler.get_dist_info'


@TRANSFORMS.register_module(force=True)
class Noise:
    """What the three generators give."""

    def __call__(self, results):
        return random.random(), np.random.random(), torch.rand(1).item()


@pytest.fixture
def dataset(tmp_path):
    init_default_scope('mmseg')
    for part in ('images', 'masks'):
        (tmp_path / part).mkdir()
    for name in 'abcdef':
        Image.new('RGB', (4, 4)).save(tmp_path / f'images/{name}.png')
        Image.new('L', (4, 4)).save(tmp_path / f'masks/{name}.png')
    (tmp_path / 'labeled.txt').write_text('a\nb\n')
    (tmp_path / 'unlabeled.txt').write_text('c\nd\ne\nf\n')

    def source(name):
        return dict(
            type='SplitListDataset',
            data_root=str(tmp_path),
            ann_file=f'{name}.txt',
            data_prefix=dict(img_path='images', seg_map_path='masks'),
            metainfo=dict(classes=('one',)),
            pipeline=[dict(type='Noise')],
        )

    streams = [dict(source=name, pipeline=[]) for name in ('labeled', 'unlabeled', 'unlabeled')]
    return SemiDataset(source('labeled'), streams, source('unlabeled'))


def drawn(dataset, batch=4, count=5, workers=0, start=0, seed=0):
    sampler = MultiSourceSampler(dataset, [batch] * 3, [1, None, None], seed=seed)
    sampler.skip(start * 3 * batch)
    loader = torch.utils.data.DataLoader(
        dataset, batch * 3, sampler=sampler, num_workers=workers, collate_fn=list
    )
    return [batch for batch, _ in zip(loader, range(count), strict=False)]


def test_workers_and_restarts_change_nothing(dataset):
    straight = drawn(dataset)
    assert drawn(dataset, workers=1) == drawn(dataset, workers=2) == straight
    assert drawn(dataset, count=2, start=3) == straight[3:]
    numbers = [value for batch in straight for sample in batch for value in sample]
    assert len(set(numbers)) == len(numbers)  # streams and draws of one image differ
    assert drawn(dataset, seed=1) != straight


def test_ranks_share_the_draws_of_one_process(dataset, monkeypatch):
    def on(rank, world_size, batch):
        monkeypatch.setattr(RANKS, lambda: (rank, world_size))
        return drawn(dataset, batch, 6)

    whole = on(0, 1, 4)
    halves = zip(on(0, 2, 2), on(1, 2, 2), strict=True)
    for one, two in zip(whole, halves, strict=True):
        assert sorted(one) == sorted(two[0] + two[1])


def test_ranks_may_draw_alike(dataset, monkeypatch):
    numbers = []
    for rank in (0, 1):
        monkeypatch.setattr(RANKS, lambda rank=rank: (rank, 2))
        sampler = MultiSourceSampler(dataset, [2] * 3, [1, None, None], seed=0, per_rank=False)
        numbers.append([draw.number for draw, _ in zip(sampler, range(24), strict=False)])
    assert numbers[0] == numbers[1]


def test_the_caller_s_generators_are_left_alone(dataset):
    seed_all(3)
    expected = random.random(), np.random.random(), torch.rand(1).item()
    seed_all(3)
    dataset[Draw.of(0, 0, 0, 0)]
    assert (random.random(), np.random.random(), torch.rand(1).item()) == expected
    with pytest.raises(ValueError), seeded(0, 1):
        raise ValueError  # put back after an error too
    seed_all(3)
    with seeded(0, 1):
        random.random()
    assert random.random() == expected[0]


def test_keys_have_nothing_in_common():
    values = set()
    for seed in range(3):
        for rank in range(3):
            for step in range(50):
                seed_all(seed, ITERATION, rank, step)
                values |= {random.random(), np.random.random(), torch.rand(1).item()}
    assert len(values) == 3 * 3 * 50 * 3


def test_a_draw_survives_the_way_to_a_worker():
    draw = pickle.loads(pickle.dumps(Draw.of(7, 1, 2, 3)))
    assert (draw, draw.seed, draw.stream, draw.number) == (7, 1, 2, 3)
