from itertools import islice

import pytest
import torch
from torch.utils.data import BatchSampler, DistributedSampler

from mmseg_plugins.datasets import MultiSourceSampler
from mmseg_plugins.datasets.samplers import multi_source_sampler
from mmseg_plugins.errors import UserError

CORRMATCH = dict(ratio=(1, 1, 1), coupled_to=[1, None, 1])


class Streams(list):
    """What the sampler sees of a ``ConcatDataset``: streams of given lengths."""

    @property
    def datasets(self):
        return [range(size) for size in self]


def sampler(sizes=(3, 10, 10), ratio=(2, 4, 4), seed=0, sources=None, **kwargs):
    streams = Streams(sizes)
    if sources is not None:
        streams.sources = sources  # as SemiDataset has it
    return MultiSourceSampler(streams, ratio, seed=seed, **kwargs)


def corrmatch(labelled, unlabelled, batch=1, **kwargs):
    return sampler(
        sizes=(labelled, unlabelled, unlabelled),
        ratio=(batch, batch, batch),
        sources=['labeled', 'unlabeled', 'unlabeled'],
        coupled_to=[1, None, 1],
        **kwargs,
    )


def rows(source, count):
    """Index of each stream within its own list, for ``count`` draws of a batch of one each."""
    first = [0, source.sizes[0], source.sizes[0] + source.sizes[1]]
    return [[i - j for i, j in zip(b, first, strict=True)] for b in batches(source, count, 3)]


@pytest.fixture
def ranks(monkeypatch):
    """Make the next samplers those of a rank."""

    def be(rank, world_size):
        monkeypatch.setattr(multi_source_sampler, 'get_dist_info', lambda: (rank, world_size))

    return be


def batches(source, count, size=10):
    flat = list(islice(iter(source), count * size))
    return [flat[i : i + size] for i in range(0, len(flat), size)]


def test_ratio_and_order():
    for batch in batches(sampler(), 20):
        assert all(i < 3 for i in batch[:2])
        assert all(3 <= i < 13 for i in batch[2:6])
        assert all(13 <= i < 23 for i in batch[6:])


def test_each_stream_is_a_chain_of_permutations():
    drawn = [i for batch in batches(sampler(), 15) for i in batch[2:6]]  # straddles permutations
    for start in range(0, 60, 10):
        assert sorted(drawn[start : start + 10]) == list(range(3, 13))
    assert drawn[:10] != drawn[10:20]


def test_independent_streams_differ_and_coupled_ones_agree():
    free = batches(sampler(), 10)
    assert any([i + 10 for i in b[2:6]] != b[6:] for b in free)
    coupled = batches(sampler(ratio=(4, 4, 4), coupled_to=[1, None, 1]), 10, 12)
    assert all([i + 10 for i in b[4:8]] == b[8:] for b in coupled)


def test_a_shorter_list_keeps_its_partners():
    pairs = {}
    for batch in batches(sampler(ratio=(5, 5, 5), coupled_to=[1, None, 1]), 6, 15):
        for labelled, unlabelled in zip(batch[:5], batch[5:10], strict=True):
            assert pairs.setdefault(unlabelled, labelled) == labelled
    assert len(pairs) == 10
    assert sorted(list(pairs.values()).count(i) for i in range(3)) == [3, 3, 4]


@pytest.mark.parametrize(
    'golden_pair', [(7, 23), (92, 10490), (183, 10399), (186, 2789)], ids=lambda pair: f'{pair}'
)
def test_reference_sampling(golden, ranks, golden_pair):
    """Exactly CorrMatch's images, on each rank, with each one's partners."""
    labelled, unlabelled = golden_pair
    numbers = golden('corrmatch/sampling')
    order = numbers[f'labelled_order.{labelled}_{unlabelled}']
    drawn = {u: x for x, u, _ in rows(corrmatch(labelled, unlabelled), unlabelled)}
    assert [drawn[u] for u in range(unlabelled)] == order.tolist()
    for world_size, epoch in [(w, e) for w in (1, 2, 4) for e in (0, 1, 5)]:
        for rank in range(world_size):
            name = f'sampler.n{unlabelled}.world{world_size}.rank{rank}.epoch{epoch}'
            expected = numbers[name]
            ranks(rank, world_size)
            source = corrmatch(labelled, unlabelled)
            source.skip(3 * epoch * int(numbers[f'{name}.len']))
            got = torch.tensor(rows(source, len(expected)))
            assert got[:, 1].tolist() == got[:, 2].tolist() == expected.tolist(), name
            assert got[:, 0].tolist() == order[expected].tolist(), name


@pytest.mark.parametrize('size, world_size', [(23, 1), (23, 2), (23, 4), (5, 4)])
def test_coupled_streams_drop_incomplete_batches(ranks, size, world_size):
    for rank in range(world_size):
        ranks(rank, world_size)
        reference = DistributedSampler(range(size), world_size, rank)
        expected = []
        for epoch in range(3):
            reference.set_epoch(epoch)
            expected += BatchSampler(reference, batch_size=2, drop_last=True)
        drawn = batches(corrmatch(3, size, batch=2), len(expected), 6)
        assert [[i - 3 for i in batch[2:4]] for batch in drawn] == expected


def test_lists_of_equal_length_are_not_the_same_list():
    drawn = rows(corrmatch(10, 10), 10)
    assert [x for x, _, _ in drawn] != [u for _, u, _ in drawn]
    assert sorted(x for x, _, _ in drawn) == sorted(u for _, u, _ in drawn) == list(range(10))
    # without `sources` nothing tells them apart
    assert all(x == u for x, u, _ in rows(sampler(sizes=(10, 10, 10), **CORRMATCH), 10))


def test_a_longer_labelled_list_is_cut():
    drawn = [x for x, _, _ in rows(corrmatch(10, 4), 8)]
    assert sorted(drawn[:4]) == sorted(drawn[4:]) == sorted(set(drawn))
    assert set(drawn) != set(range(4))


def test_without_shuffling():
    drawn = rows(corrmatch(2, 5, shuffle=False), 5)
    assert drawn == [[0, 0, 0], [1, 1, 1], [0, 2, 2], [1, 3, 3], [0, 4, 4]]


@pytest.mark.parametrize('done', [1, 7, 40])
@pytest.mark.parametrize('coupled_to', [[1, None, None], [1, None, 1]])
def test_skip_continues_where_it_stopped(done, coupled_to):
    options = dict(ratio=(4, 4, 4 if coupled_to[2] else 2), coupled_to=coupled_to)
    size = sum(options['ratio'])
    straight = batches(sampler(**options), done + 5, size)
    resumed = sampler(**options)
    resumed.skip(size * done)
    assert batches(resumed, 5, size) == straight[done:]


def test_ranks_share_a_stream(ranks):
    drawn = []
    for rank in (0, 1):
        ranks(rank, 2)
        drawn += [
            i for batch in batches(sampler(sizes=(3, 10), ratio=(2, 5)), 1, 7) for i in batch[2:]
        ]
    assert sorted(drawn) == list(range(3, 13))


def test_no_two_seeds_share_a_permutation():
    seen = set()
    for seed in range(3):
        source = sampler(sizes=(30, 30), ratio=(1, 1), seed=seed)
        for stream in (0, 1):
            seen |= {tuple(source._permutation(stream, epoch)) for epoch in range(20)}
    assert len(seen) == 3 * 2 * 20

    seen = []
    for seed in range(3):
        drawn = rows(corrmatch(5, 30, seed=seed), 20 * 30)
        seen += [tuple(u for _, u, _ in drawn[i : i + 30]) for i in range(0, 600, 30)]
    assert len(set(seen)) == 3 * 20
    # beside a coupled stream an independent one keeps its own order
    drawn = rows(sampler((9, 9, 9), (1, 1, 1), coupled_to=[None, None, 1]), 9)
    assert [x for x, _, _ in drawn] != [u for _, u, _ in drawn]


def test_seeds():
    assert batches(sampler(seed=1), 3) == batches(sampler(seed=1), 3) != batches(sampler(seed=2), 3)


def test_unfit_options():
    with pytest.raises(UserError, match='one entry for each of the 3 streams'):
        sampler(ratio=(1, 2))
    for coupled_to in ([2, None, 1], [5, None, None]):
        with pytest.raises(UserError, match=f'stream 0 follows {coupled_to[0]}, which is not one'):
            sampler(ratio=(4, 4, 4), coupled_to=coupled_to)
    with pytest.raises(UserError, match='stream 0 follows 1 and needs as many samples'):
        sampler(ratio=(2, 4, 4), coupled_to=[1, None, None])
    with pytest.raises(UserError, match='at least one sample'):
        sampler(ratio=(0, 1, 1))
    with pytest.raises(UserError, match=r'stream 1 has no images \(the streams have \[3, 0, 0\]'):
        sampler(sizes=(3, 0, 0))


def test_too_few_images_for_a_batch(ranks):
    corrmatch(3, 7, batch=7)
    ranks(0, 2)
    corrmatch(3, 7, batch=4)
    with pytest.raises(UserError, match='stream 1 has 7 images, 4 for each of 2 .* at most 4 in a'):
        corrmatch(3, 7, batch=5)
    sampler(sizes=(3, 7), ratio=(20, 20))  # independent streams go on into the next permutation
