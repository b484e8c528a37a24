import os.path as osp

from mmengine.dataset import ConcatDataset
from mmseg.registry import DATASETS

from mmseg_plugins.errors import UserError
from mmseg_plugins.seeding import DRAW, seeded

from .prepare.lists import expected_list, known_benchmarks
from .read_list import read_split_list
from .samplers import Draw


@DATASETS.register_module()
class SemiDataset(ConcatDataset):
    """The streams of a semi-supervised batch, drawn from a labelled and an unlabelled source.

    The benchmark's config says what the sources are and how an image is loaded and cropped, the
    method's config which streams are drawn and which views each sample becomes, and the leaf which
    benchmark's lists are read. :class:`MultiSourceSampler` draws from the streams. The randomness
    of a sample's transforms is a function of (seed, stream, number of the draw) alone, so that a
    run gives the same with other workers and after a restart.

    Args:
        labeled (dict): Dataset config of the labelled images; its pipeline ends before packing.
        streams (list[dict]): One per stream: ``source`` (``'labeled'`` or ``'unlabeled'``) and
            ``pipeline``, the transforms that follow the source's own (``MultiBranch`` or
            ``PackSegInputs``).
        unlabeled (dict, optional): Dataset config of the unlabelled images. Defaults to None.
        benchmark (str, optional): Name of the benchmark; the lists are then
            ``<data_root>/splits/<benchmark>/{labeled,unlabeled}.txt``. If None, each source's own
            ``ann_file`` is read. Defaults to None.
        label_seed (int, optional): Where a benchmark averages over label seeds, the folder of one:
            ``<data_root>/splits/<benchmark>/<label_seed>/``. Defaults to None.
        allow_overlap (bool): Allow ids in both lists, for protocols that draw unlabelled images
            from the whole training set. Defaults to False.

    Attributes:
        sources (list[str]): The source of each stream, which tells the sampler whether a coupled
            stream shows its leader's images or others.

    Raises:
        UserError: If a list is unfit (see :class:`SplitListDataset`), an id lies in both lists, or
            the benchmark has no such label seed.
    """

    def __init__(
        self,
        labeled: dict,
        streams: list[dict],
        unlabeled: dict | None = None,
        benchmark: str | None = None,
        label_seed: int | None = None,
        allow_overlap: bool = False,
    ) -> None:
        sources = dict(labeled=dict(labeled))
        if any(stream['source'] == 'unlabeled' for stream in streams):
            if unlabeled is None:
                raise UserError(
                    'SemiDataset: a stream draws unlabeled images but `unlabeled` is not set'
                )
            sources['unlabeled'] = dict(unlabeled)
        if benchmark is not None:
            if labeled.get('verify', True) and benchmark in known_benchmarks():
                expected_list(benchmark, 'labeled', label_seed)  # names the label seeds there are
            folder = osp.join('splits', benchmark, '' if label_seed is None else str(label_seed))
            for name, source in sources.items():
                source['ann_file'] = osp.join(folder, f'{name}.txt')

        datasets = []
        for stream in streams:
            source = sources[stream['source']]
            pipeline = [*source.get('pipeline', []), *stream['pipeline']]
            datasets.append(DATASETS.build({**source, 'pipeline': pipeline}))
        if 'unlabeled' in sources and not allow_overlap:
            lists = {s['source']: d.ann_file for s, d in zip(streams, datasets, strict=True)}
            if 'labeled' in lists:
                _check_disjoint(lists['labeled'], lists['unlabeled'])
        super().__init__(datasets)
        self.sources = [stream['source'] for stream in streams]

    def __getitem__(self, index: int):
        """A sample; its transforms are seeded by the draw, where the index is a :class:`Draw`."""
        if not isinstance(index, Draw):
            return super().__getitem__(index)
        with seeded(index.seed, DRAW, index.stream, index.number):
            return super().__getitem__(index)


def _check_disjoint(labeled: str, unlabeled: str) -> None:
    shared = set(read_split_list(labeled)) & set(read_split_list(unlabeled))
    if shared:
        more = f' and {len(shared) - 1} more' if len(shared) > 1 else ''
        raise UserError(
            f'{min(shared)!r}{more} in both {labeled} and {unlabeled}; '
            'write the lists with tools/prepare_data.py, or set allow_overlap=True if the protocol '
            'draws unlabelled images from the whole training set'
        )
