from itertools import islice

import pytest

from mmseg_plugins.datasets import MultiSourceSampler
from mmseg_plugins.datasets.samplers import multi_source_sampler
from mmseg_plugins.errors import UserError


class Streams(list):
    """What the sampler sees of a ``ConcatDataset``: streams of given lengths."""

    @property
    def datasets(self):
        return [range(size) for size in self]


def sampler(sizes=(3, 10, 10), ratio=(2, 4, 4), seed=0, **kwargs):
    return MultiSourceSampler(Streams(sizes), ratio, seed=seed, **kwargs)


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


@pytest.mark.parametrize('done', [1, 7, 40])
def test_skip_continues_where_it_stopped(done):
    options = dict(ratio=(4, 4, 2), coupled_to=[1, None, None])
    straight = batches(sampler(**options), done + 5)
    resumed = sampler(**options)
    resumed.skip(10 * done)
    assert batches(resumed, 5) == straight[done:]


def test_ranks_share_a_stream(monkeypatch):
    drawn = []
    for rank in (0, 1):
        monkeypatch.setattr(multi_source_sampler, 'get_dist_info', lambda rank=rank: (rank, 2))
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
