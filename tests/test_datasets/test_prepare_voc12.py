"""VOC 2012 with augmented masks, from replicas in the true layouts."""

import argparse
import errno
import os
import shutil
import tarfile

import numpy as np
import pytest
import replicas
from PIL import Image

from mmseg_plugins.datasets.prepare import bulk, store, voc12
from mmseg_plugins.errors import UserError

SMALL = dict(counts=dict(train_aug=10, val=2), check_names=False)


@pytest.fixture
def names(tmp_path):
    return replicas.voc(tmp_path / 'voc')


@pytest.fixture
def sources(tmp_path, names):
    return [tmp_path / 'voc', replicas.segmentation_class_aug(tmp_path, names)]


def read(path):
    with Image.open(path) as file:
        assert file.mode in 'LP'
        return np.asarray(file)


def check_result(out, names):
    for part, ids in names.items():
        for name in ids:
            mask = read(out / f'voc12/SegmentationClassAug/{name}.png')
            expected = replicas.voc_mask(name, border=part != 'augmented')
            assert np.array_equal(mask, expected), name
            assert (out / f'voc12/JPEGImages/{name}.jpg').is_file()
    assert len(list((out / 'voc12/SegmentationClassAug').iterdir())) == 12


def test_segmentation_class_aug(tmp_path, sources, names):
    out = tmp_path / 'data'
    assert voc12.prepare(sources, out, **SMALL)
    check_result(out, names)
    link = out / 'voc12/JPEGImages/2008_000001.jpg'
    assert link.is_symlink() and os.path.isabs(os.readlink(link))
    assert store.verify(out, 'voc12') == 24
    assert not voc12.prepare([], out, **SMALL)


@pytest.mark.parametrize('below', ('', 'dataset'))
def test_sbd(tmp_path, names, below):
    out, sbd = tmp_path / 'data', replicas.sbd(tmp_path / 'sbd', names)
    base = tmp_path / 'voc/VOCdevkit/VOC2012'
    voc12.prepare([base, sbd / below], out, copy=True, **SMALL)
    # VOC's own masks, with borders, for the images that it annotated; SBD's for the others
    check_result(out, names)
    shutil.rmtree(tmp_path / 'voc')
    assert store.verify(out, 'voc12') == 24


def test_archives(tmp_path, sources, names):
    with tarfile.open(tmp_path / 'VOC.tar', 'w') as file:
        file.add(sources[0] / 'VOCdevkit', 'VOCdevkit')
    masks = shutil.make_archive(tmp_path / 'Aug', 'zip', sources[1].parent, 'SegmentationClassAug')
    out = tmp_path / 'data'
    voc12.prepare([tmp_path / 'VOC.tar', masks], out, **SMALL)
    check_result(out, names)


def test_download(tmp_path, sources, names, monkeypatch):
    out, asked = tmp_path / 'data', []

    def download(url, target, checksum):
        asked.append((url, target, checksum))
        return sources[len(asked) - 1]

    monkeypatch.setattr(voc12.fetch, 'download', download)
    monkeypatch.setattr(voc12.prepare, '__defaults__', (False, False, 4, SMALL['counts'], False))
    args = dict(source=(), download=True, out=out, copy=False, force=False, workers=2)
    assert voc12.run(argparse.Namespace(**args))
    check_result(out, names)
    assert [target.name for _, target, _ in asked] == list(voc12.CHECKSUMS)
    assert all(url.endswith(f'/{target.name}') and checksum for url, target, checksum in asked)


def test_the_real_archive_is_compared_with_its_md5(tmp_path):
    path = tmp_path / 'VOCtrainval_11-May-2012.tar'
    path.write_bytes(b'damaged')
    with pytest.raises(UserError, match='expected 6cd6e144f989b92b3379bac3b3de84fd'):
        voc12.prepare([path], tmp_path / 'data', **SMALL)


def test_real_names_are_asked_for(tmp_path, sources):
    with pytest.raises(UserError, match='10 images of train_aug, expected 10582'):
        voc12.prepare(sources, tmp_path / 'data')
    with pytest.raises(UserError, match='the 10 names of train_aug are not those of VOC 2012'):
        voc12.prepare(sources, tmp_path / 'data', counts=SMALL['counts'])


def test_an_interrupted_run_goes_on(tmp_path, sources, names, monkeypatch):
    out, place, calls = tmp_path / 'data', bulk.place, []

    def stop(*args):
        calls.append(args)
        if len(calls) == 9:
            raise KeyboardInterrupt
        place(*args)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(bulk, 'place', stop)
        voc12.prepare(sources, out, workers=1, **SMALL)
    with pytest.raises(UserError, match='no data set of prepare_data.py here'):
        store.verify(out, 'voc12')
    read_again = []
    read_ids = voc12.pictures.read_ids
    monkeypatch.setattr(
        voc12.pictures,
        'read_ids',
        lambda path, *rest: read_again.append(path) or read_ids(path, *rest),
    )
    assert voc12.prepare(sources, out, workers=2, **SMALL)
    assert 0 < len(read_again) < 12
    check_result(out, names)


def first_mask(sources):
    return sources[1] / '2008_000006.png'


def colour(sources):
    Image.new('RGB', (60, 44)).save(first_mask(sources))


def other_ids(sources):
    Image.fromarray(np.full((44, 60), 34, np.uint8)).save(first_mask(sources))


def other_size(sources):
    Image.new('L', (44, 60)).save(first_mask(sources))


def damaged(sources):
    first_mask(sources).write_bytes(first_mask(sources).read_bytes()[:60])


def no_mask(sources):
    first_mask(sources).unlink()


def no_image(sources):
    (sources[0] / 'VOCdevkit/VOC2012/JPEGImages/2008_000001.jpg').unlink()


def no_list(sources):
    (sources[0] / 'VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt').unlink()


def no_voc(sources):
    del sources[0]


def no_augmented(sources):
    del sources[1]


@pytest.mark.parametrize(
    'spoil, message',
    [
        (colour, r'2008_000006\.png: mode RGB, not one channel of class ids; give index masks'),
        (other_ids, r'2008_000006\.png: ids 34 outside 0\.\.20 and 255 on 2640 pixels; give'),
        (other_size, r'2008_000006\.jpg: 60 x 44 pixels, but its mask .* has 44 x 60'),
        (damaged, r'2008_000006\.png: cannot be read'),
        (no_mask, '9 images of train_aug, expected 10; complete the sources'),
        (no_image, r'JPEGImages/2008_000001\.jpg: missing; complete the sources'),
        (no_list, r'val\.txt: No such file'),
        (no_voc, 'no VOC 2012; looked for the folders JPEGImages'),
        (no_augmented, 'no augmented masks; name SegmentationClassAug'),
    ],
)
def test_bad_sources(tmp_path, sources, spoil, message):
    spoil(sources)
    with pytest.raises(UserError, match=message) as caught:
        voc12.prepare(sources, tmp_path / 'data', **SMALL)
    assert '\n' not in str(caught.value)
    assert not (tmp_path / 'data/voc12/manifest.json').exists()


def test_a_damaged_sbd_file(tmp_path, names):
    sbd = replicas.sbd(tmp_path / 'sbd', names)
    (sbd / 'dataset/cls/2008_000007.mat').write_bytes(b'no mat file')
    with pytest.raises(UserError, match=r'2008_000007\.mat: not an SBD mask'):
        voc12.prepare([tmp_path / 'voc', sbd], tmp_path / 'data', **SMALL)


def test_nothing_is_written_into_a_source(tmp_path, sources):
    out = tmp_path / 'data'
    (out / 'voc12').mkdir(parents=True)
    (out / 'voc12/JPEGImages').symlink_to(sources[0] / 'VOCdevkit/VOC2012/JPEGImages')
    with pytest.raises(UserError, match='JPEGImages: is a link to .*remove the link'):
        voc12.prepare(sources, out, **SMALL)
    (out / 'voc12/JPEGImages').unlink()
    voc12.prepare(sources, out, **SMALL)
    with pytest.raises(UserError, match='is the data set to be written'):
        voc12.prepare([out / 'voc12'], out, force=True, **SMALL)


def test_another_way_needs_force(tmp_path, sources, names):
    out = tmp_path / 'data'
    voc12.prepare(sources, out, **SMALL)
    with pytest.raises(UserError, match='made with files linked, asked for copied; pass --force'):
        voc12.prepare(sources, out, copy=True, **SMALL)
    assert voc12.prepare(sources, out, copy=True, force=True, **SMALL)
    assert not (out / 'voc12/JPEGImages/2008_000001.jpg').is_symlink()
    check_result(out, names)
    with pytest.raises(UserError, match='nowhere: no such file or folder'):
        voc12.prepare(['nowhere'], out, force=True, **SMALL)
    assert store.verify(out, 'voc12') == 24  # what is there is left as it was
    (out / 'voc12/JPEGImages/2008_000003.jpg').write_bytes(b'')
    with pytest.raises(UserError, match=r'2008_000003\.jpg: changed; prepare again with --force'):
        store.verify(out, 'voc12')


def test_a_data_root_that_cannot_be_written(tmp_path, sources, monkeypatch):
    (tmp_path / 'file').touch()
    with pytest.raises(
        UserError, match=r'file.* \(Not a directory\); make room or choose'
    ) as caught:
        voc12.prepare(sources, tmp_path / 'file', **SMALL)
    assert '\n' not in str(caught.value)

    def full(source, target):
        raise OSError(errno.ENOSPC, 'No space left on device', source, None, target)

    monkeypatch.setattr(bulk.shutil, 'copyfile', full)
    with pytest.raises(UserError, match=r'cannot write .*/data/voc12/.* \(No space left on device'):
        voc12.prepare(sources, tmp_path / 'data', copy=True, **SMALL)
