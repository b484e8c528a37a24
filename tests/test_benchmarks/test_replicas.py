"""From a download to a score: every method on every family, in small.

A replica in the true layout passes through the prepare functions; then each distinct combination of
a benchmark's, a network's, a method's and a schedule's config runs for one iteration and one
validation.
"""

import json
import math
from pathlib import Path

import pytest
import replicas
import torch
from mmengine.runner import Runner
from shrink import shrink

from mmseg_plugins.matrix import load_matrix, matrix_leaves

DATASETS = dict(voc='voc12', cityscapes='cityscapes', ade20k='ade20k')


def distinct_leaves():
    """The first leaf of each combination of base files; test_mim.py trains those of shapes."""
    found = {}
    for leaf in matrix_leaves(load_matrix(Path(__file__).parents[2] / 'configs/matrix.yml')):
        if leaf.protocol['benchmark'].partition('_')[0] in DATASETS:
            parts = (leaf.settings, leaf.network, leaf.method, leaf.schedule)
            found.setdefault(tuple(part['base'] for part in parts), leaf)
    return found


LEAVES = distinct_leaves()


def test_no_family_and_no_method_is_left_out():
    families = {leaf.protocol['benchmark'].rpartition('_')[0] for leaf in LEAVES.values()}
    assert families >= {'voc_classic', 'voc_french', 'cityscapes_cps', 'ade20k_unimatch'}
    assert 'cityscapes_french' in families and len(LEAVES) == 25
    methods = {leaf.protocol['method'] for leaf in LEAVES.values()}
    colour = {'cutmix-colour', 'cutout', 'cutout-colour'}
    assert methods == {'suponly', 'cutmix', 'corrmatch'} | colour


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """A data root for each data set, with the lists of every benchmark that is run."""
    roots = {}
    benchmarks = {leaf.protocol['benchmark']: leaf.protocol for leaf in LEAVES.values()}
    for family, dataset in DATASETS.items():
        names = [name for name in benchmarks if name.startswith(family)]
        out = replicas.prepared(tmp_path_factory.mktemp(dataset), dataset, names)
        for name in names:
            place = out / 'splits' / name
            if 'french' in name:  # all images are unlabelled ones; perhaps a folder per label seed
                labelled, rest = (place / f'{which}.txt' for which in ('labeled', 'unlabeled'))
                rest.write_text(labelled.read_text() + rest.read_text())
                seed = benchmarks[name]['label_seed']
                if seed is not None:
                    (place / str(seed)).mkdir()
                    for path in (labelled, rest):
                        path.rename(place / str(seed) / path.name)
        roots[family] = out
    return roots


@pytest.mark.parametrize('key', LEAVES, ids=['+'.join(key) for key in LEAVES])
def test_one_iteration_and_one_validation(key, data, config, recorded, at, tmp_path, quick):
    leaf = LEAVES[key]
    benchmark, method = leaf.protocol['benchmark'], leaf.protocol['method']
    root = at(data[benchmark.partition('_')[0]])
    recorded(root)  # lists and first masks are verified as in a real run
    cfg = shrink(config(leaf.name), tmp_path / 'run')
    runner = Runner.from_cfg(cfg)
    runner.train()

    assert runner.iter == 1
    scalars = runner.message_hub.log_scalars
    classes = [scalars[name].current() for name in scalars if name.startswith('val/IoU.')]
    # absent classes count as 0, of which a replica's two images have some
    assert len(classes) >= 19 and 0 in classes and not any(map(math.isnan, classes))
    assert scalars['val/mIoU'].current() == pytest.approx(sum(classes) / len(classes), abs=0.02)
    terms = {name for name in scalars if name.startswith('train/')}
    assert any(name.startswith('train/unsup.loss') for name in terms) == (method != 'suponly')
    assert all(torch.isfinite(p).all() for p in runner.model.parameters())
    state = runner.optim_wrapper.optimizer.state  # momenta: a gradient has come to the parameter
    moved = [any(v.any() for v in s.values() if v.ndim) for s in state.values()]
    trained = [p for p in runner.model.parameters() if p.requires_grad]
    assert sum(moved) > len(trained) // 2
    (record,) = (tmp_path / 'run').glob('*/run.json')
    record = json.loads(record.read_text())
    assert record['status'] == 'finished' and record['cell'] == leaf.protocol['cell']
