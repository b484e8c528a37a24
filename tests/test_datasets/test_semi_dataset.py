import pytest
from mmseg.registry import DATASETS

from mmseg_plugins.errors import UserError

PACK = [dict(type='PackSegInputs')]


def build(data, streams=('labeled', 'unlabeled', 'unlabeled'), **kwargs):
    images = dict(
        type='ShapesDataset',
        data_root=str(data),
        data_prefix=dict(img_path='shapes/JPEGImages', seg_map_path='shapes/SegmentationClass'),
    )
    load = dict(type='LoadImageFromFile')
    cfg = dict(
        type='SemiDataset',
        benchmark='tiny',
        labeled=dict(**images, pipeline=[load, dict(type='LoadIndexMask')]),
        unlabeled=dict(**images, with_labels=False, pipeline=[load, dict(type='LoadValidMask')]),
        streams=[dict(source=source, pipeline=PACK) for source in streams],
    )
    return DATASETS.build({**cfg, **kwargs})


def test_streams(tiny_data):
    dataset = build(tiny_data)
    assert [len(stream) for stream in dataset.datasets] == [2, 3, 3]
    assert dataset.sources == ['labeled', 'unlabeled', 'unlabeled']
    labels = dataset[0]['data_samples'].gt_sem_seg.data
    assert labels.unique().numel() > 1
    assert not dataset[2]['data_samples'].gt_sem_seg.data.any()


def test_label_seed_selects_a_folder(tiny_data):
    folder = tiny_data / 'splits/tiny/12345'
    folder.mkdir()
    (folder / 'labeled.txt').write_text('e\n')
    dataset = build(tiny_data, streams=['labeled'], label_seed=12345)
    assert dataset.datasets[0].get_data_info(0)['img_path'].endswith('e.png')


def test_an_id_in_both_lists(tiny_data):
    (tiny_data / 'splits/tiny/unlabeled.txt').write_text('b\nc\n./a\n')
    with pytest.raises(UserError, match=r"'a' and 1 more in both .*/labeled.txt and .*/unlabeled"):
        build(tiny_data)
    assert len(build(tiny_data, allow_overlap=True)) == 8


def test_own_lists(tiny_data):
    (tiny_data / 'mine.txt').write_text('a\nb\nc\n')
    labeled = dict(
        type='ShapesDataset',
        data_root=str(tiny_data),
        ann_file='mine.txt',
        data_prefix=dict(img_path='shapes/JPEGImages', seg_map_path='shapes/SegmentationClass'),
    )
    assert len(build(tiny_data, streams=['labeled'], benchmark=None, labeled=labeled)) == 3


def test_unlabeled_source_is_needed(tiny_data):
    with pytest.raises(UserError, match='`unlabeled` is not set'):
        build(tiny_data, unlabeled=None)
