"""ADE20K, from a replica in the true layout; and the replicas as data roots for training."""

import os
import shutil

import numpy as np
import pytest
import replicas
from PIL import Image

from mmseg_plugins.datasets.prepare import ade20k, store
from mmseg_plugins.datasets.split_list import SplitListDataset
from mmseg_plugins.errors import UserError

SMALL = dict(counts=dict(training=6, validation=2))
FIRST = 'training/ADE_train_00000001'


@pytest.fixture
def source(tmp_path):
    replicas.ade20k(tmp_path / 'source')
    return tmp_path / 'source'


@pytest.mark.parametrize('kind', ('folder', 'parent', 'zip'))
def test_layout(tmp_path, source, kind):
    given = source / 'ADEChallengeData2016' if kind == 'folder' else source
    if kind == 'zip':
        given = shutil.make_archive(tmp_path / 'ADE', 'zip', source)
    out = tmp_path / 'data'
    assert ade20k.prepare([given], out, **SMALL)
    assert (out / f'ade20k/images/{FIRST}.jpg').is_symlink()
    assert os.path.samefile(
        out / f'ade20k/annotations/{FIRST}.png',
        (tmp_path / 'data/archives/ADE' if kind == 'zip' else source)
        / f'ADEChallengeData2016/annotations/{FIRST}.png',
    )
    assert store.verify(out, 'ade20k') == 16
    assert not ade20k.prepare([], out, **SMALL)
    assert {row[:2] for row in store.summary(out, 'ade20k')} == {
        (str(out / f'ade20k/{kind}/{part}'), count)
        for kind in ('images', 'annotations')
        for part, count in SMALL['counts'].items()
    }


def full_ade(source):
    mask = Image.fromarray(np.full((44, 60), 151, np.uint8))
    mask.save(source / f'ADEChallengeData2016/annotations/{FIRST}.png')


def colours(source):
    Image.new('RGB', (60, 44)).save(source / f'ADEChallengeData2016/annotations/{FIRST}.png')


def lone_image(source):
    base = source / 'ADEChallengeData2016'
    (base / f'annotations/{FIRST}.png').rename(base / 'annotations/training/x.png')


def no_image(source):
    (source / f'ADEChallengeData2016/images/{FIRST}.jpg').unlink()


def no_folder(source):
    shutil.rmtree(source / 'ADEChallengeData2016/images')


@pytest.mark.parametrize(
    'spoil, message',
    [
        (full_ade, r'00000001\.png: ids 151 outside 0\.\.150 .*ADEChallengeData2016'),
        (colours, r'00000001\.png: mode RGB'),
        (lone_image, r'ADE_train_00000001\.jpg: no mask'),
        (no_image, 'images/training: expected 6 files, found 5'),
        (no_folder, 'no ADEChallengeData2016; looked for images/training'),
    ],
)
def test_bad_sources(tmp_path, source, spoil, message):
    spoil(source)
    with pytest.raises(UserError, match=message) as caught:
        ade20k.prepare([source], tmp_path / 'data', **SMALL)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    'dataset, prefix, suffixes',
    [
        ('voc12', ('JPEGImages', 'SegmentationClassAug'), ('.jpg', '.png')),
        (
            'cityscapes',
            ('leftImg8bit', 'gtFine'),
            ('_leftImg8bit.png', '_gtFine_labelTrainIds.png'),
        ),
        ('ade20k', ('images', 'annotations'), ('.jpg', '.png')),
    ],
)
def test_replicas_load(tmp_path, dataset, prefix, suffixes):
    out = replicas.prepared(tmp_path, dataset, ['own_2'], label_seeds=(None, 5))
    for folder in (dataset, 'cityscapes_half') if dataset == 'cityscapes' else (dataset,):
        for ann_file, count in {
            f'{dataset}/val.txt': 2,
            'splits/own_2/labeled.txt': 2,
            'splits/own_2/5/labeled.txt': 2,
        }.items():
            loaded = SplitListDataset(
                ann_file=ann_file,
                data_root=str(out),
                data_prefix=dict(
                    img_path=f'{folder}/{prefix[0]}', seg_map_path=f'{folder}/{prefix[1]}'
                ),
                img_suffix=suffixes[0],
                seg_map_suffix=suffixes[1],
                metainfo=dict(classes=('a', 'b')),
                verify=False,
            )
            assert len(loaded) == count
