"""Every leaf prints, and builds its data from files under the true names."""

import itertools
from functools import partial

import placeholders
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATA_SAMPLERS, DATASETS

from mmseg_plugins.datasets import split_list
from mmseg_plugins.datasets.prepare import lists, split_lists


def test_print_and_read_back(leaves, config, quick):
    for leaf in leaves:
        cfg = config(leaf.name)
        again = Config.fromstring(cfg.pretty_text, '.py')
        assert again.to_dict() == cfg.to_dict(), leaf.name


@pytest.fixture(
    scope='module', params=['generated', pytest.param('mirror', marks=pytest.mark.slow)]
)
def data(request, tmp_path_factory, leaves, root, quick):
    """All files and lists; a list and its folders are read once, not for every leaf that has them.

    'generated' are lists of the recorded lengths, 'mirror' the recorded ones.
    """
    out = tmp_path_factory.mktemp('all') / 'data'
    out.mkdir()
    table = lists.TABLE
    if request.param == 'mirror':
        mirror = root.parent / 'shared/splits'
        if not mirror.is_dir():
            pytest.skip('the mirror is not here')
        split_lists.prepare(out, mirror)
    placeholders.write_lists(out, leaves, recorded=request.param == 'generated')
    placeholders.write_files(out)
    if request.param == 'generated':
        table = placeholders.record_lists(out, out / 'lists.csv')

    known = {}
    load = split_list.SplitListDataset.load_data_list

    def load_once(self):
        key = self.ann_file, self.data_prefix['img_path'], self.with_labels
        if key not in known:
            known[key] = load(self)  # mmengine empties what it gets
        return list(known[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(split_list.SplitListDataset, 'load_data_list', load_once)
        patch.setattr(split_list, 'record_at', partial(lists.record_at, table=table))
        patch.setattr(split_list, 'verify_list', partial(lists.verify_list, table=table))
        patch.chdir(out.parent)
        init_default_scope('mmseg')
        yield out


def test_datasets_and_iterations(data, leaves, config):
    for leaf in leaves:
        cfg = config(leaf.name)
        protocol, loader = cfg.protocol, cfg.train_dataloader
        benchmark = placeholders.dataset_of(protocol.benchmark)
        dataset = DATASETS.build({**loader.dataset})
        labelled, *unlabelled = (len(stream) for stream in dataset.datasets)
        assert labelled == protocol.labelled_images
        assert set(unlabelled) == ({protocol.unlabelled_images} if unlabelled else set())
        scored = DATASETS.build(cfg.val_dataloader.dataset)
        assert len(scored) == len(placeholders.VAL[benchmark]), leaf.name

        # passes over the list that sets the pace, as a sampler of each GPU counts them
        length, batch = [labelled, *unlabelled][-1], loader.sampler.source_ratio[-1]
        epochs, iterations = leaf.settings.get('epochs'), cfg.train_cfg.max_iters
        if epochs:
            pool = leaf.settings['images'] - labelled  # SupOnly trains as long as the others
            assert not unlabelled or pool == length
            assert iterations == epochs * (-(-pool // protocol.gpus) // batch), leaf.name
        else:
            assert iterations == leaf.settings['max_iters']
        batch *= cfg.train_cfg.get('accumulate', 1)
        passes = iterations * batch * protocol.gpus / length
        assert protocol.epochs == pytest.approx(passes, abs=0.051), leaf.name

        check_batches(dataset, loader)


def check_batches(dataset, loader):
    """Two batches: every stream in its share and from its own images; partners where coupled."""
    settings = dict(loader.sampler, dataset=dataset, seed=0)
    sampler = DATA_SAMPLERS.build(settings)
    numbers = list(itertools.islice(sampler, 2 * loader.batch_size))
    for batch in (numbers[: loader.batch_size], numbers[loader.batch_size :]):
        start, seen, rest = 0, [], list(batch)
        for stream, count in zip(dataset.datasets, loader.sampler.source_ratio, strict=True):
            drawn, rest = rest[:count], rest[count:]
            assert all(start <= number < start + len(stream) for number in drawn)
            seen.append([stream.get_data_info(n - start)['img_path'] for n in drawn])
            labelled = ['seg_map_path' in stream.get_data_info(number - start) for number in drawn]
            assert set(labelled) == {stream is dataset.datasets[0]}
            start += len(stream)
        assert not rest
        coupled = loader.sampler.get('coupled_to')
        if coupled:
            assert all(stream == seen[1] for stream in seen[2:]) and seen[1] != seen[0]
