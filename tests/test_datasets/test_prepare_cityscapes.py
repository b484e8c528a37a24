"""Cityscapes at full and half size, from replicas in the true layout."""

import shutil

import numpy as np
import pytest
import replicas
from PIL import Image

from mmseg_plugins.datasets.prepare import cityscapes, half, store
from mmseg_plugins.errors import UserError

SMALL = dict(counts=dict(train=6, val=2))
NAME = 'train/aachen/aachen_000000_000019'


@pytest.fixture
def source(tmp_path):
    replicas.cityscapes(tmp_path / 'source')
    return tmp_path / 'source'


def image(base, name=NAME):
    return np.asarray(Image.open(base / f'leftImg8bit/{name}_leftImg8bit.png'))


def mask(base, name=NAME, kind='labelTrainIds'):
    return np.asarray(Image.open(base / f'gtFine/{name}_gtFine_{kind}.png'))


def test_train_ids_are_the_official_ones():
    # id of the 19 classes in the order of their train ids, as published with the data set
    classes = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
    assert cityscapes.TRAIN_IDS[classes].tolist() == list(range(19))
    others = np.setdiff1d(np.arange(256), classes)
    assert (cityscapes.TRAIN_IDS[others] == 255).all()


def test_the_table_equals_the_official_converter():
    labels = pytest.importorskip('cityscapesscripts.helpers.labels').labels
    for label in labels:
        if label.id >= 0:
            assert cityscapes.TRAIN_IDS[label.id] == label.trainId


@pytest.mark.parametrize('train_ids', (False, True))
def test_both_sizes(tmp_path, train_ids):
    names = replicas.cityscapes(tmp_path / 'source', train_ids=train_ids)
    out = tmp_path / 'data'
    assert cityscapes.prepare([tmp_path / 'source'], out, **SMALL)
    full, small = out / 'cityscapes', out / 'cityscapes_half'
    for name in names['train'] + names['val']:
        raw = mask(tmp_path / 'source', name, 'labelIds')
        assert np.array_equal(mask(full, name), cityscapes.TRAIN_IDS[raw])
        assert (full / f'leftImg8bit/{name}_leftImg8bit.png').is_symlink()
        blocks = raw.reshape(32, 2, 64, 2).swapaxes(1, 2).reshape(32, 64, 4)
        # argmax of a histogram takes the smallest of the ids that tie
        majority = [[np.bincount(block).argmax() for block in row] for row in blocks]
        assert np.array_equal(mask(small, name), cityscapes.TRAIN_IDS[majority])
        pixels = image(tmp_path / 'source', name).astype(float)
        mean = pixels.reshape(32, 2, 64, 2, 3).mean(axis=(1, 3))
        assert np.array_equal(image(small, name), np.floor(mean))
    link = full / f'gtFine/{NAME}_gtFine_labelTrainIds.png'
    assert link.is_symlink() == train_ids
    assert store.verify(out, 'cityscapes') == store.verify(out, 'cityscapes_half') == 16
    assert not cityscapes.prepare([], out, **SMALL)


def test_majority_comes_before_the_void_mapping():
    # 0, 1 and 2 are void: mapped first, void would have three of four
    raw = np.array([[0, 1], [7, 7]], np.uint8)
    assert half.halve_labels(raw).tolist() == [[7]]
    for block, expected in (
        ((9, 9, 9, 3), 9),
        ((9, 3, 3, 9), 3),
        ((4, 9, 9, 5), 9),
        ((8, 6, 5, 7), 5),
        ((2, 1, 9, 9), 9),
    ):
        assert half.halve_labels(np.array(block, np.uint8).reshape(2, 2)).tolist() == [[expected]]


def test_the_mean_is_truncated():
    block = np.array([255, 255, 255, 254], np.uint8).reshape(2, 2, 1)
    assert half.halve_image(block).tolist() == [[[254]]]


def test_zips_and_one_size(tmp_path, source):
    zips = [
        shutil.make_archive(tmp_path / f'{p}_x', 'zip', source, p)
        for p in ('leftImg8bit', 'gtFine')
    ]
    out = tmp_path / 'data'
    cityscapes.prepare(zips, out, size='half', **SMALL)
    assert (out / 'cityscapes_half').is_dir() and not (out / 'cityscapes').exists()
    assert cityscapes.prepare([source / 'gtFine', source / 'leftImg8bit'], out, **SMALL)
    assert mask(out / 'cityscapes').shape == (64, 128)


def test_an_interrupted_run_goes_on(tmp_path, source, monkeypatch):
    out, write, written = tmp_path / 'data', cityscapes.bulk.write_png, []

    def stop(path, pixels):
        if len(written) == 5:
            raise KeyboardInterrupt
        written.append(path)
        write(path, pixels)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(cityscapes.bulk, 'write_png', stop)
        cityscapes.prepare([source], out, size='half', workers=1, **SMALL)
    times = {path: path.stat().st_mtime_ns for path in written}
    cityscapes.prepare([source], out, size='half', **SMALL)
    complete = written[:4]  # image and mask of the first two
    assert all(path.stat().st_mtime_ns == times[path] for path in complete)
    assert store.verify(out, 'cityscapes_half') == 16


def odd(source):
    stem = source / f'gtFine/{NAME}_gtFine_labelIds.png'
    Image.new('RGB', (127, 64)).save(source / f'leftImg8bit/{NAME}_leftImg8bit.png')
    Image.fromarray(np.full((64, 127), 7, np.uint8)).save(stem)


def no_raw(source):
    (source / f'gtFine/{NAME}_gtFine_labelIds.png').unlink()


def raw_as_train(source):
    ids = Image.fromarray(np.full((64, 128), 26, np.uint8))
    ids.save(source / f'gtFine/{NAME}_gtFine_labelTrainIds.png')


def colours(source):
    path = source / f'gtFine/{NAME}_gtFine_color.png'
    shutil.copy(path, source / f'gtFine/{NAME}_gtFine_labelIds.png')


def no_image(source):
    (source / f'leftImg8bit/{NAME}_leftImg8bit.png').unlink()


def no_folder(source):
    shutil.rmtree(source / 'gtFine')


@pytest.mark.parametrize(
    'spoil, size, message',
    [
        (odd, 'half', r'aachen_000000_.*: 127 x 64 pixels, but only even sides can be halved'),
        (no_raw, 'full', r'there is no aachen_\S*_labelIds\.png nor aachen_\S*_labelTrainIds\.png'),
        (no_raw, 'half', r'there is no aachen_\S*_labelIds\.png, which the half size is made from'),
        (raw_as_train, 'full', r'labelTrainIds\.png: ids 26 outside 0\.\.18 and 255 .*remove it'),
        (colours, 'full', r'labelIds\.png: mode RGB, not one channel'),
        (no_image, 'full', r'expected 6 images \*_leftImg8bit\.png, found 5; complete the source'),
        (no_folder, 'full', 'no folder gtFine with train and val; name it, its zip'),
    ],
)
def test_bad_sources(tmp_path, source, spoil, size, message):
    spoil(source)
    with pytest.raises(UserError, match=message) as caught:
        cityscapes.prepare([source], tmp_path / 'data', size=size, **SMALL)
    assert '\n' not in str(caught.value)
    assert not list(tmp_path.glob('data/*/manifest.json'))


def test_no_workers(tmp_path, source):
    with pytest.raises(UserError, match='--workers 0: give 1 or more'):
        cityscapes.prepare([source], tmp_path / 'data', workers=0, **SMALL)
