import shutil

import pytest
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_plugins.datasets.prepare import store
from mmseg_plugins.errors import UserError


def build(data, **kwargs):
    cfg = dict(
        type='ShapesDataset',
        data_root=str(data),
        ann_file='splits/tiny/labeled.txt',
        data_prefix=dict(img_path='shapes/JPEGImages', seg_map_path='shapes/SegmentationClass'),
        pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadIndexMask')],
    )
    return DATASETS.build({**cfg, **kwargs})


def test_reads_the_list_in_order(tiny_data):
    dataset = build(tiny_data)
    assert [dataset.get_data_info(i)['img_path'][-5:] for i in range(2)] == ['a.png', 'b.png']
    sample = dataset[0]
    assert sample['gt_seg_map'].shape == sample['img'].shape[:2] == (40, 48)


def test_without_labels_no_mask_folder_is_needed(tiny_data):
    shutil.rmtree(tiny_data / 'shapes/SegmentationClass')
    pipeline = [dict(type='LoadImageFromFile'), dict(type='LoadValidMask')]
    dataset = build(tiny_data, with_labels=False, pipeline=pipeline)
    assert 'seg_map_path' not in dataset.get_data_info(0)
    assert not dataset[1]['gt_seg_map'].any()


def test_takes_the_suffix_that_exists(tiny_data):
    image = tiny_data / 'shapes/JPEGImages/a.png'
    Image.open(image).save(image.with_suffix('.jpg'))
    image.unlink()
    dataset = build(tiny_data)
    assert dataset.get_data_info(0)['img_path'].endswith('a.jpg')
    assert dataset.get_data_info(1)['img_path'].endswith('b.png')


def test_relative_root_below_the_working_directory(tiny_data, monkeypatch):
    monkeypatch.chdir(tiny_data.parent)
    assert len(build('data')) == 2


def test_missing_folder(tiny_data, monkeypatch):
    monkeypatch.chdir(tiny_data.parent)
    with pytest.raises(
        UserError,
        match=r'nowhere/shapes/JPEGImages.* prepare it with python tools/prepare_data.py shapes',
    ):
        build('nowhere')


def test_a_list_written_with_the_data_set(tiny_data):
    path = tiny_data / 'splits/tiny/labeled.txt'
    store.write_manifest(tiny_data, 'shapes', {}, {'splits/tiny/labeled.txt': store.sha256(path)})
    build(tiny_data)
    build(tiny_data, ann_file='splits/tiny/unlabeled.txt')  # without record
    path.write_text('a\nb\nc\n')
    with pytest.raises(
        UserError,
        match=r'labeled\.txt: not the list that was written .*prepare_data\.py shapes --check, or',
    ):
        build(tiny_data)
    assert len(build(tiny_data, verify=False)) == 3


def test_missing_list(tiny_data):
    with pytest.raises(UserError, match=r'split list not found: .*none.txt'):
        build(tiny_data, ann_file='splits/tiny/none.txt')


@pytest.mark.parametrize(
    'content, message',
    [
        ('', r'is empty: .*labeled.txt'),
        ('a\nb\na\n', r"labeled.txt repeats 'a'"),
        ('a\nx\ny\nz\n', r'missing: .*JPEGImages/x.jpg or .png and 2 more of 4'),
    ],
)
def test_unfit_list(tiny_data, content, message):
    (tiny_data / 'splits/tiny/labeled.txt').write_text(content)
    with pytest.raises(UserError, match=message) as error:
        build(tiny_data)
    assert '\n' not in str(error.value)


def test_missing_mask(tiny_data):
    (tiny_data / 'shapes/SegmentationClass/b.png').unlink()
    with pytest.raises(UserError, match=r'missing: .*SegmentationClass/b.png of 2'):
        build(tiny_data)


def test_an_incomplete_root_is_not_completed_from_elsewhere(tiny_data, monkeypatch):
    monkeypatch.chdir(tiny_data.parent)
    shutil.rmtree(tiny_data / 'shapes/JPEGImages')
    message = r'data folder not found: [^ ]*/data/shapes/JPEGImages; prepare it'
    with pytest.raises(UserError, match=message):
        build('data')


def test_a_list_that_is_no_text(tiny_data):
    (tiny_data / 'splits/tiny/labeled.txt').write_bytes(b'\xff\xfe\x00a')
    with pytest.raises(UserError, match='labeled.txt is not a UTF-8 text file'):
        build(tiny_data)


def test_classes_need_names(tiny_data):
    with pytest.raises(UserError, match='SplitListDataset: no class names; set metainfo'):
        build(tiny_data, type='SplitListDataset')
