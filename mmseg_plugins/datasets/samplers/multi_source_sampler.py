import itertools
import random
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from mmengine.dataset import ConcatDataset
from mmengine.dist import get_dist_info, sync_random_seed
from mmseg.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

from mmseg_plugins.errors import UserError

from .draw import Draw


@DATA_SAMPLERS.register_module()
class MultiSourceSampler(Sampler):
    """Draws every batch from several streams in a fixed ratio, endlessly.

    Each dataset of a ``ConcatDataset`` is a stream, of which this rank takes its share.

    An independent stream is a chain of permutations without a gap. A stream that others follow is
    drawn as torch's ``DistributedSampler`` draws under a loader that drops incomplete batches: each
    epoch is a new permutation, wrapped to a multiple of the ranks, of which each rank gives whole
    batches only. A follower of the same source delivers the same image at each position. A follower
    of another source has its list repeated, shuffled once and cut to the leader's length, so that
    its images keep their partners over the epochs. With seed 0 all of this is CorrMatch's order.

    Every position is a function of (seed, stream, position) alone, so :meth:`skip` costs nothing,
    and every index is a :class:`Draw`, which says so to :class:`SemiDataset`.

    Source: CorrMatch couples (specification 3.4), French et al. draw independently (1.3).

    Args:
        dataset (ConcatDataset): One dataset per stream. Its attribute ``sources``
            (:class:`SemiDataset` has it) says which streams show the same list; without it, those
            of equal length are taken to.
        source_ratio (Sequence[int]): Samples of each stream in a batch; the loader's ``batch_size``
            must be their sum.
        coupled_to (Sequence[int | None], optional): For each stream the stream that it follows.
            Defaults to None: all are independent.
        shuffle (bool): Permute. Defaults to True.
        seed (int, optional): If None, one seed agreed on by all ranks. Defaults to None.
        per_rank (bool): Whether ranks augment differently; if False their ``n``-th draws have one
            number, as CorrMatch's ranks have one seed. Defaults to True.

    Raises:
        UserError: If a stream is empty, the ratio or the coupling does not fit the dataset, or a
            stream that others follow has no whole batch.
    """

    def __init__(
        self,
        dataset: ConcatDataset,
        source_ratio: Sequence[int],
        coupled_to: Sequence[int | None] | None = None,
        shuffle: bool = True,
        seed: int | None = None,
        per_rank: bool = True,
    ) -> None:
        self.per_rank = per_rank
        self.sizes = [len(stream) for stream in getattr(dataset, 'datasets', [dataset])]
        self.sources = list(getattr(dataset, 'sources', self.sizes))
        self.source_ratio = list(source_ratio)
        self.coupled_to = list(coupled_to or [None] * len(self.sizes))
        self.leaders = {leader for leader in self.coupled_to if leader is not None}
        self.shuffle = shuffle
        self.rank, self.world_size = get_dist_info()
        self.start = 0
        self._check()
        self.seed = sync_random_seed() if seed is None else seed
        # leaders first: the only leader has number 0, and with it the reference's permutations
        order = sorted(range(len(self.sizes)), key=lambda stream: stream not in self.leaders)
        self._number = {stream: number for number, stream in enumerate(order)}

    def _check(self) -> None:
        sizes, ratio = self.sizes, self.source_ratio
        if not len(ratio) == len(self.coupled_to) == len(sizes):
            raise UserError(
                f'MultiSourceSampler: source_ratio={ratio} and coupled_to={self.coupled_to} must '
                f'have one entry for each of the {len(sizes)} streams'
            )
        if min(ratio) < 1:
            raise UserError(
                f'MultiSourceSampler: source_ratio={ratio}: every stream needs at least one sample '
                'in a batch'
            )
        if min(sizes) < 1:
            raise UserError(
                f'MultiSourceSampler: stream {sizes.index(0)} has no images (the streams have '
                f'{sizes}); give it a list that names some'
            )
        independent = [s for s, leader in enumerate(self.coupled_to) if leader is None]
        for stream, leader in enumerate(self.coupled_to):
            if leader is not None and leader not in independent:
                raise UserError(
                    f'MultiSourceSampler: coupled_to={self.coupled_to}: stream {stream} follows '
                    f'{leader}, which is not one of the independent streams {independent}'
                )
            if leader is not None and ratio[stream] != ratio[leader]:
                raise UserError(
                    f'MultiSourceSampler: source_ratio={ratio}: stream {stream} follows {leader} '
                    'and needs as many samples in a batch'
                )
        for leader in self.leaders:
            share = -(-sizes[leader] // self.world_size)
            if share < ratio[leader]:
                raise UserError(
                    f'MultiSourceSampler: stream {leader} has {sizes[leader]} images, {share} for '
                    f'each of {self.world_size} ranks, which fill no batch of {ratio[leader]}, and '
                    'coupled streams drop incomplete ones; draw at most '
                    f'{share} in a batch (source_ratio)'
                )

    def skip(self, num_samples: int) -> None:
        """Start at an absolute position, for resuming.

        Args:
            num_samples (int): Samples that this rank has already drawn, over all streams.
        """
        self.start = num_samples

    def __len__(self) -> int:
        return sum(self.sizes)

    def set_epoch(self, epoch: int) -> None:
        """An endless sampler has no epochs."""

    def __iter__(self) -> Iterator[Draw]:
        offsets = np.cumsum([0, *self.sizes[:-1]])
        batch, rest = divmod(self.start, sum(self.source_ratio))
        streams = [
            self._stream(stream, batch * count) for stream, count in enumerate(self.source_ratio)
        ]
        order = [s for s, count in enumerate(self.source_ratio) for _ in range(count)]
        drawn = ((s, *next(streams[s])) for s in itertools.cycle(order))
        for s, index, number in itertools.islice(drawn, rest, None):
            yield Draw.of(offsets[s] + index, self.seed, s, number)

    def _stream(self, stream: int, start: int) -> Iterator[tuple[int, int]]:
        """Index and number of one stream's draws on this rank, from its ``start``-th on."""
        leader = self.coupled_to[stream]
        leader = stream if leader is None else leader
        partner = self._partner_order(stream, leader)
        known = None
        for draw in itertools.count(start):
            epoch, position = self._locate(leader, draw)
            if epoch != known:
                order, known = self._permutation(leader, epoch), epoch
            index = order[position]
            number = draw * self.world_size + self.rank * self.per_rank
            yield index if partner is None else partner[index], number

    def _locate(self, stream: int, draw: int) -> tuple[int, int]:
        """Epoch, and position in its permutation, of this rank's ``draw``-th draw."""
        size = self.sizes[stream]
        if stream not in self.leaders:
            return divmod(draw * self.world_size + self.rank, size)
        batch = self.source_ratio[stream]
        share = -(-size // self.world_size)
        epoch, draw = divmod(draw, share // batch * batch)
        return epoch, (draw * self.world_size + self.rank) % size

    def _permutation(self, stream: int, epoch: int) -> list[int]:
        if not self.shuffle:
            return list(range(self.sizes[stream]))
        # streams, and seeds, lie further apart than a run has epochs
        state = epoch + 1_000_003 * (self._number[stream] + len(self.sizes) * self.seed)
        generator = torch.Generator().manual_seed(state % 2**63)
        return torch.randperm(self.sizes[stream], generator=generator).tolist()

    def _partner_order(self, stream: int, leader: int) -> list[int] | None:
        """Which index of ``stream`` goes with each of ``leader``; None: the same one."""
        if self.sources[stream] == self.sources[leader]:
            return None
        own, size = self.sizes[stream], self.sizes[leader]
        repeated = list(range(own)) * -(-size // own)
        if self.shuffle:
            random.Random(self.seed).shuffle(repeated)
        return repeated[:size]
