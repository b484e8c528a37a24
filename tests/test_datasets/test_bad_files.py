"""A broken image or mask is told by name, or skipped and counted."""

import pytest
from torch.utils.data import DataLoader

from mmseg_plugins.datasets import ShapesDataset
from mmseg_plugins.datasets.broken_file import looks_cut_short, what_is_wrong
from mmseg_plugins.errors import UserError
from mmseg_plugins.seeding import DRAW, seeded

LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadIndexMask'), dict(type='PackSegInputs')]


@pytest.fixture
def build(tiny_data):
    def build(bad_files='stop', **kwargs):
        return ShapesDataset(
            ann_file='splits/tiny/unlabeled.txt', data_root=str(tiny_data),
            data_prefix=dict(img_path='shapes/JPEGImages', seg_map_path='shapes/SegmentationClass'),
            pipeline=LOAD, verify=False, bad_files=bad_files, **kwargs,
        )  # fmt: skip

    return build


def ruin(path, how):
    content = path.read_bytes()
    ruined = dict(half=content[: len(content) // 2], empty=b'', text=b'<html>')[how]
    path.write_bytes(ruined)


@pytest.mark.parametrize('how', ['half', 'empty', 'text'])
@pytest.mark.parametrize('folder', ['JPEGImages', 'SegmentationClass'])
def test_broken(how, folder, build, tiny_data):
    path = tiny_data / f'shapes/{folder}/d.png'
    ruin(path, how)
    dataset = build()
    kind = 'image' if folder == 'JPEGImages' else 'mask'
    with pytest.raises(UserError, match=rf'{kind} .*d.png cannot be read \(.*skip') as raised:
        dataset[1]
    assert '\n' not in str(raised.value)
    dataset = build('skip')
    with seeded(0, DRAW, 0, 7):
        first = dataset[1].get('data_samples').img_path
    assert first.endswith(('c.png', 'e.png')) and dataset.skipped.tolist() == [False, True, False]
    with seeded(0, DRAW, 0, 7):
        assert dataset[1]['data_samples'].img_path == first
    assert int(dataset.skipped.sum()) == 1  # a file, not how often it was drawn
    dataset[0]
    with pytest.raises(UserError, match='cannot be read'):  # scores are of all images or of none
        build('skip', test_mode=True)[1]


def test_what_is_not_the_file_s_fault(build, tiny_data):
    dataset = build('skip')
    (tiny_data / 'shapes/JPEGImages/d.png').unlink()
    with pytest.raises(UserError, match='No such file.*is its disk still there'):
        dataset[1]
    dataset.pipeline.transforms[-1].transform = lambda results: 1 / 0
    with pytest.raises(ZeroDivisionError):
        dataset[0]
    with pytest.raises(UserError, match="unknown bad_files='drop'"):
        build('drop')


def test_bytes_behind_an_image_do_no_harm(build, tiny_data):
    path = tiny_data / 'shapes/JPEGImages/d.png'
    path.write_bytes(path.read_bytes() + bytes(1000))
    assert looks_cut_short(path) and what_is_wrong(path) is None
    assert build()[1]['inputs'].shape == (3, 40, 48)


def test_a_worker_s_skips_are_counted_in_the_process(build, tiny_data):
    ruin(tiny_data / 'shapes/JPEGImages/d.png', 'half')
    dataset = build('skip')
    list(DataLoader(dataset, num_workers=2, collate_fn=list))
    assert dataset.skipped.tolist() == [False, True, False]
