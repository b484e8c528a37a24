"""Taking in a CamVid folder: both layouts, and every way in which one can be bad."""

import os
import runpy
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from mmseg_plugins.datasets.prepare import camvid, store
from mmseg_plugins.errors import UserError

SIZE = (12, 8)
COUNTS = dict(train=6, val=2, test=3)
SMALL = dict(counts=COUNTS, labelled=(2, 4), size=SIZE)


def make_source(folder, layout, suffix='.png', parts=COUNTS):
    rng = np.random.default_rng(0)
    for split in parts:
        image_dir, mask_dir = (folder / part.format(split=split) for part in layout)
        image_dir.mkdir(parents=True)
        mask_dir.mkdir(parents=True)
        for k in range(parts[split]):
            image = rng.integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)
            Image.fromarray(image).save(image_dir / f'{split}{k}{suffix}')
            mask = rng.integers(0, 12, (SIZE[1], SIZE[0]), np.uint8)
            Image.fromarray(mask).save(mask_dir / f'{split}{k}.png')
    return folder


@pytest.fixture
def source(tmp_path):
    return make_source(tmp_path / 'source', camvid.LAYOUTS[0], '.jpg')


def save_mask(path, array):
    Image.fromarray(np.asarray(array, np.uint8)).save(path)


@pytest.mark.parametrize('layout', camvid.LAYOUTS)
def test_layouts(tmp_path, layout):
    source, out = make_source(tmp_path / 'source', layout), tmp_path / 'data'
    assert camvid.prepare(source, out, **SMALL)
    for split, count in COUNTS.items():
        ids = (out / f'camvid/{split}.txt').read_text().split()
        assert ids == [f'{split}/{split}{k}' for k in range(count)]
        for name in ids:
            link = out / f'camvid/annotations/{name}.png'
            assert link.is_symlink() and os.path.isabs(os.readlink(link))
            assert (out / f'camvid/images/{name}.png').is_file()
    assert camvid.prepare(source, out, **SMALL) is False
    assert sorted(p.name for p in out.iterdir()) == ['camvid', 'splits']


def test_lists(tmp_path, source):
    camvid.prepare(source, tmp_path / 'a', **SMALL)
    camvid.prepare(source, tmp_path / 'b', seed=1, **SMALL)
    lists = {}
    for out in 'ab':
        for path in (tmp_path / out / 'splits').rglob('*.txt'):
            lists[out, path.parent.name, path.stem] = path.read_text().split()
    small, large = lists['a', 'camvid_2', 'labeled'], lists['a', 'camvid_4', 'labeled']
    assert len(small) == 2 and len(large) == 4 and set(small) < set(large)
    assert sorted(small + lists['a', 'camvid_2', 'unlabeled']) == lists['a', 'camvid_6', 'labeled']
    assert ('a', 'camvid_6', 'unlabeled') not in lists
    order = np.random.default_rng(0).permutation([f'train/train{k}' for k in range(6)])
    assert small == sorted(order[:2])
    assert lists['a', 'camvid_4', 'labeled'] != lists['b', 'camvid_4', 'labeled']


def test_copy_stands_alone_and_links_do_not(tmp_path, source):
    camvid.prepare(source, tmp_path / 'copied', copy=True, **SMALL)
    camvid.prepare(source, tmp_path / 'linked', **SMALL)
    source.rename(tmp_path / 'moved')
    store.verify(tmp_path / 'copied', 'camvid')
    with pytest.raises(UserError, match=r'a broken link \(and 21 more files\)'):
        store.verify(tmp_path / 'linked', 'camvid')


def test_source_without_test(tmp_path):
    parts = dict(train=6, val=2)
    source = make_source(tmp_path / 'source', camvid.LAYOUTS[0], parts=parts)
    camvid.prepare(source, tmp_path / 'data', **SMALL)
    assert not (tmp_path / 'data/camvid/test.txt').exists()


def test_changed_source_needs_force(tmp_path, source):
    out = tmp_path / 'data'
    camvid.prepare(source, out, copy=True, **SMALL)
    save_mask(source / 'annotations/val/val0.png', np.zeros(SIZE[::-1]))
    with pytest.raises(UserError, match='made with contents .*pass --force'):
        camvid.prepare(source, out, copy=True, **SMALL)
    store.verify(out, 'camvid')
    assert camvid.prepare(source, out, copy=True, force=True, **SMALL)


def lose_masks(source):
    for k in (1, 3, 4):
        (source / f'annotations/train/train{k}.png').unlink()


def lose_image(source):
    (source / 'images/val/val1.jpg').unlink()


def rename_mask(source):
    path = source / 'annotations/val'
    save_mask(path / 'extra.png', np.zeros(SIZE[::-1]))


def shrink_image(source):
    Image.new('RGB', (6, 4)).save(source / 'images/train/train2.jpg')


def shrink_mask(source):
    save_mask(source / 'annotations/train/train2.png', np.zeros((4, 6)))


def colour_mask(source):
    Image.new('RGB', SIZE).save(source / 'annotations/test/test1.png')


def wrong_ids(source):
    mask = np.zeros(SIZE[::-1])
    mask[0, :3], mask[1, :2] = 12, 255
    save_mask(source / 'annotations/train/train5.png', mask)


def truncate_image(source):
    path = source / 'images/train/train0.jpg'
    path.write_bytes(path.read_bytes()[:300])


def replace_by_text(source):
    (source / 'annotations/train/train0.png').write_text('version https://git-lfs')


def double_image(source):
    Image.new('RGB', SIZE).save(source / 'images/train/train0.png')


@pytest.mark.parametrize(
    'spoil, message',
    [
        (lose_masks, r'train1\.jpg: no mask .*train1\.png \(and 2 more like it\)'),
        (lose_image, r'images/val: expected 2 images, found 1'),
        (rename_mask, r'extra\.png: no image .*images/val/extra'),
        (shrink_image, r'train2\.jpg: 6 x 4 pixels, expected 12 x 8'),
        (shrink_mask, r'train2\.png: 6 x 4 pixels, expected 12 x 8'),
        (colour_mask, r'test1\.png: mode RGB, not one channel .*convert'),
        (wrong_ids, r'train5\.png: ids 12, 255 outside 0\.\.11 on 5 pixels'),
        (truncate_image, r'train0\.jpg: cannot be read \(.+\); get the file again'),
        (replace_by_text, r'train0\.png: cannot be read \(cannot identify image file\)'),
        (double_image, r'train0\.png: train0\.jpg has the same name'),
    ],
)
def test_bad_sources(tmp_path, source, spoil, message):
    spoil(source)
    with pytest.raises(UserError, match=message) as caught:
        camvid.prepare(source, tmp_path / 'data', **SMALL)
    assert '\n' not in str(caught.value)
    assert not (tmp_path / 'data').exists()


def test_no_source(tmp_path):
    with pytest.raises(UserError, match='nowhere: no such folder'):
        camvid.prepare(tmp_path / 'nowhere', tmp_path / 'data')
    with pytest.raises(UserError, match='looked for the folders images/train .*CamVid/train'):
        camvid.prepare(tmp_path, tmp_path / 'data')
    assert not (tmp_path / 'data').exists()


def test_own_output_is_no_source(tmp_path, source):
    out = tmp_path / 'data'
    camvid.prepare(source, out, **SMALL)
    with pytest.raises(UserError, match='is the data set to be written'):
        camvid.prepare(out / 'camvid', out, force=True, **SMALL)
    store.verify(out, 'camvid')


def run_tool(root, *args):
    command = [sys.executable, root / 'tools/prepare_data.py', *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True)


def test_tool_tells_mistakes_in_one_line(tmp_path, root):
    done = run_tool(root, 'camvid', '--source', tmp_path / 'nowhere', '--out', tmp_path / 'data')
    assert done.returncode == 1 and done.stdout == ''
    assert done.stderr.strip().splitlines()[-1].startswith('error: --source')
    assert 'Traceback' not in done.stderr


def test_tool_on_the_real_source(tmp_path, root, capsys):
    source = root.parent / 'shared' / 'data' / 'camvid'
    if not source.is_dir():
        pytest.skip('CamVid is not here')
    main = runpy.run_path(root / 'tools/prepare_data.py')['main']
    main(['camvid', '--source', str(source), '--out', str(tmp_path)])
    assert 'mim train mmseg' in capsys.readouterr().out.splitlines()[-1]
    for n in (46, 92, 184, 367):
        assert len((tmp_path / f'splits/camvid_{n}/labeled.txt').read_text().split()) == n
    (tmp_path / 'camvid/val.txt').write_text('changed\n')
    with pytest.raises(SystemExit, match='camvid/val.txt: changed'):
        main(['camvid', '--out', str(tmp_path), '--check'])
