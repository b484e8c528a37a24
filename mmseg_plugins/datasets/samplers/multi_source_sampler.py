import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from mmengine.dataset import ConcatDataset
from mmengine.dist import get_dist_info, sync_random_seed
from mmseg.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

from mmseg_plugins.errors import UserError


@DATA_SAMPLERS.register_module()
class MultiSourceSampler(Sampler):
    """Draws every batch from several streams in a fixed ratio, endlessly.

    Each dataset of a ``ConcatDataset`` is a stream: an endless chain of permutations, of which this
    rank takes its share. A stream may be coupled to another one and then follows its positions: a
    stream of equal length delivers the same image, a shorter list is first repeated and shuffled
    once to the other's length, so that its images keep their partners over the epochs.

    Every position is a function of (seed, stream, position) alone, so :meth:`skip` costs nothing.

    Source: CorrMatch couples (specification 3.4), French et al. draw independently (1.3).

    Args:
        dataset (ConcatDataset): One dataset per stream.
        source_ratio (Sequence[int]): Samples of each stream in a batch; the loader's ``batch_size``
            must be their sum.
        coupled_to (Sequence[int | None], optional): For each stream the stream that it follows.
            Defaults to None: all are independent.
        shuffle (bool): Permute. Defaults to True.
        seed (int, optional): If None, one seed agreed on by all ranks. Defaults to None.

    Raises:
        UserError: If the ratio or the coupling does not fit the dataset.
    """

    def __init__(
        self,
        dataset: ConcatDataset,
        source_ratio: Sequence[int],
        coupled_to: Sequence[int | None] | None = None,
        shuffle: bool = True,
        seed: int | None = None,
    ) -> None:
        streams = getattr(dataset, 'datasets', [dataset])
        self.sizes = [len(stream) for stream in streams]
        self.source_ratio = list(source_ratio)
        self.coupled_to = list(coupled_to or [None] * len(self.sizes))
        if not len(self.source_ratio) == len(self.coupled_to) == len(self.sizes):
            raise UserError(
                f'MultiSourceSampler: source_ratio={self.source_ratio} and '
                f'coupled_to={self.coupled_to} must have one entry for each of the '
                f'{len(self.sizes)} streams'
            )
        if min(self.source_ratio) < 1:
            raise UserError(
                f'MultiSourceSampler: source_ratio={self.source_ratio}: every stream needs at '
                'least one sample in a batch'
            )
        independent = [s for s, leader in enumerate(self.coupled_to) if leader is None]
        for stream, leader in enumerate(self.coupled_to):
            if leader is not None and leader not in independent:
                raise UserError(
                    f'MultiSourceSampler: coupled_to={self.coupled_to}: stream {stream} follows '
                    f'{leader}, which is not one of the independent streams {independent}'
                )
            if leader is not None and self.source_ratio[stream] != self.source_ratio[leader]:
                raise UserError(
                    f'MultiSourceSampler: source_ratio={self.source_ratio}: stream {stream} '
                    f'follows {leader} and needs as many samples in a batch'
                )
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.rank, self.world_size = get_dist_info()
        self.start = 0

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

    def __iter__(self) -> Iterator[int]:
        offsets = np.cumsum([0, *self.sizes[:-1]])
        batch, rest = divmod(self.start, sum(self.source_ratio))
        streams = [
            self._stream(stream, batch * count) for stream, count in enumerate(self.source_ratio)
        ]
        order = [s for s, count in enumerate(self.source_ratio) for _ in range(count)]
        endless = (offsets[s] + next(streams[s]) for s in itertools.cycle(order))
        yield from map(int, itertools.islice(endless, rest, None))

    def _stream(self, stream: int, start: int) -> Iterator[int]:
        """Indices of one stream for this rank, from its ``start``-th draw on."""
        leader = self.coupled_to[stream]
        leader = stream if leader is None else leader
        size = self.sizes[leader]
        follow = self._partner_order(stream, size) if leader != stream else None
        known = None
        for position in itertools.count(start * self.world_size + self.rank, self.world_size):
            epoch, offset = divmod(position, size)
            if epoch != known:
                order, known = self._permutation(leader, epoch), epoch
            index = order[offset]
            yield index if follow is None else follow[index]

    def _permutation(self, stream: int, epoch: int) -> list[int]:
        if not self.shuffle:
            return list(range(self.sizes[stream]))
        # no two (seed, stream, epoch) share a state
        state = epoch + 1_000_003 * (stream + len(self.sizes) * self.seed)
        generator = torch.Generator().manual_seed(state % 2**63)
        return torch.randperm(self.sizes[stream], generator=generator).tolist()

    def _partner_order(self, stream: int, size: int) -> list[int]:
        """Which index of ``stream`` goes with each index of its leader of length ``size``."""
        own = self.sizes[stream]
        if own == size:
            return list(range(size))
        repeated = np.tile(np.arange(own), -(-size // own))
        if self.shuffle:
            np.random.RandomState(self.seed % 2**32).shuffle(repeated)
        return repeated[:size].tolist()
