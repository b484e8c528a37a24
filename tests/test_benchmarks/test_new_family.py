"""A new family is an entry of matrix.yml and rows of lists.csv: no code."""

import csv
import hashlib
import shutil
from functools import partial

import pytest
import replicas
from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import DATASETS
from shrink import shrink

from mmseg_plugins.datasets import split_list
from mmseg_plugins.datasets.prepare import lists, split_lists
from mmseg_plugins.errors import UserError
from mmseg_plugins.matrix import leaf_text, load_matrix, matrix_leaves

ENTRY = """benchmarks:
  voc_toy:
    <<: *voc
    labelled: [4]
    images: 10
    epochs: 3
    products:
      - {<<: *crop_321, methods: [suponly, cutmix, corrmatch], setting: ours}
"""


@pytest.fixture
def published(tmp_path):
    """Where lists are published: a folder, and the hashes of what lies in it."""
    folder = tmp_path / 'origin/somebody/lists/0123abc'
    folder.mkdir(parents=True)

    def publish(name, ids):
        text = '\n'.join(f'JPEGImages/{i}.jpg SegmentationClass/{i}.png' for i in ids)
        (folder / name).write_text(text)
        origin = f'somebody/lists/0123abc/{name}'
        return len(ids), lists.list_sha256(ids), origin, hashlib.sha256(text.encode()).hexdigest()

    return publish


def test_entry_and_rows(root, tmp_path, published, monkeypatch, quick):
    data = replicas.prepared(tmp_path, 'voc12')
    train = [f'2008_{k:06d}' for k in range(1, 11)]
    val = (data / 'voc12/val.txt').read_text().split()
    table = tmp_path / 'lists.csv'
    with open(table, 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(lists.TABLE.read_text().splitlines()[0].split(','))
        writer.writerow(['voc12', '', 'val', *published('val.txt', val)])
        writer.writerow(['voc_toy_4', '', 'labeled', *published('few.txt', train[3:7])])
        rest = train[:3] + train[7:]
        writer.writerow(['voc_toy_4', '', 'unlabeled', *published('rest.txt', rest)])
    assert split_lists.prepare(data, tmp_path / 'origin', table=table)

    configs = tmp_path / 'configs'
    shutil.copytree(root / 'configs/_base_', configs / '_base_')
    matrix = (root / 'configs/matrix.yml').read_text()
    (configs / 'matrix.yml').write_text(matrix.replace('benchmarks:\n', ENTRY, 1))
    toys = [
        leaf
        for leaf in matrix_leaves(load_matrix(configs / 'matrix.yml'))
        if leaf.protocol['benchmark'] == 'voc_toy_4'
    ]
    assert [leaf.protocol['method'] for leaf in toys] == ['suponly', 'cutmix', 'corrmatch']
    for leaf in toys:
        path = configs / leaf.name
        path.parent.mkdir(exist_ok=True)
        path.write_text(leaf_text(leaf))
    cfg = Config.fromfile(path)
    assert cfg.train_cfg.max_iters == 3  # epochs of one batch: 6 images, 4 GPUs, 2 of each

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(split_list, 'record_at', partial(lists.record_at, table=table))
    monkeypatch.setattr(split_list, 'verify_list', partial(lists.verify_list, table=table))
    runner = Runner.from_cfg(shrink(cfg, tmp_path / 'run'))
    runner.train()
    sizes = [len(stream) for stream in runner.train_dataloader.dataset.datasets]
    assert sizes == [4, 6, 6] and len(runner.val_dataloader.dataset) == 2

    labeled = data / 'splits/voc_toy_4/labeled.txt'
    labeled.write_text(labeled.read_text().replace('2008_000004', '2008_000001'))
    with pytest.raises(UserError, match=r'labeled\.txt: not the labeled list of voc_toy_4 \(4 ids'):
        DATASETS.build(cfg.train_dataloader.dataset)
