"""The LiDAR data sets on simulated scans in their true layouts, and what they refuse."""

import json
import re

import lidar
import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmseg.registry import DATASETS
from torch.utils.data import DataLoader

from mmseg_plugins.datasets import SemiDataset
from mmseg_plugins.datasets.lidar import semantickitti_labels
from mmseg_plugins.datasets.samplers import Draw
from mmseg_plugins.errors import UserError, one_line

SETS = ('semantickitti', 'scribblekitti', 'nuscenes')
TYPES = dict(
    semantickitti='SemanticKITTIDataset',
    scribblekitti='ScribbleKITTIDataset',
    nuscenes='NuScenesLidarDataset',
)
KITTI = dict(type='ProjectToRange', size=(64, 64))
RING = dict(type='ProjectToRange', mode='ring', size=(32, 60), scale=(1,) * 6)


@pytest.fixture(scope='module')
def roots(tmp_path_factory):
    return {name: lidar.prepared(tmp_path_factory.mktemp(name), name) for name in SETS}


@pytest.fixture
def root(tmp_path, request):
    """A root of its own, to be damaged."""
    return lidar.prepared(tmp_path, getattr(request, 'param', 'semantickitti'))


def build(data, name, ann_file=None, labels=True, augment=True, **kwargs):
    folder = name if name == 'nuscenes' else f'{name}/sequences'
    load = [dict(type='LoadLidarPoints'), *([dict(type='LoadLidarLabels')] * labels)]
    tricks = [dict(type='AugmentPoints')] * augment
    project = RING if name == 'nuscenes' else KITTI
    roll = [dict(type='RollColumns')] * augment
    meta = ('img_path', 'point_pixels', 'point_labels', 'point_ranges')
    pack = dict(type='PackValidInputs', meta_keys=meta)
    return DATASETS.build(
        dict(
            type=TYPES[name],
            data_root=str(data),
            data_prefix=dict(img_path=folder, seg_map_path=folder),
            ann_file=ann_file or f'splits/{name}_1pct/{"labeled" if labels else "unlabeled"}.txt',
            pipeline=[*load, *tricks, project, *roll, pack],
            with_labels=labels,
            verify=False,
            **kwargs,
        )
    )


def refusal(*args, **kwargs):
    with pytest.raises(UserError) as caught:
        dataset = build(*args, **kwargs)
        for index in range(len(dataset)):
            dataset[index]
    assert '\n' not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize('name', SETS)
def test_samples(roots, name):
    shape = (32, 60) if name == 'nuscenes' else (64, 64)
    dataset = build(roots[name], name)
    assert len(dataset) == 2 and len(dataset.metainfo['classes']) == len(
        dataset.metainfo['palette']
    )
    for item in dataset:
        sample, image = item['data_samples'], item['inputs']
        assert image.shape == (6, *shape) and image.dtype.is_floating_point
        label, valid = sample.gt_sem_seg.data[0].numpy(), sample.valid.data[0].numpy()
        assert label.shape == valid.shape == shape
        assert (label[valid == 0] == 255).all() and 0.3 < valid.mean() < 1
        assert np.array_equal(valid, image[5].numpy())
        share = (label != 255).mean() / valid.mean()
        assert (0.03 < share < 0.2) if name == 'scribblekitti' else share > 0.9
        pixels, own = sample.metainfo['point_pixels'], sample.metainfo['point_labels']
        assert len(pixels) == len(own) == len(sample.metainfo['point_ranges'])
        assert (label.ravel()[pixels] == own).mean() > 0.5


@pytest.mark.parametrize('name', SETS)
def test_unlabelled_scans_open_no_label_file(roots, name):
    dataset = build(roots[name], name, labels=False)
    assert len(dataset) == 4
    item = dataset[0]
    assert 'gt_sem_seg' not in item['data_samples'] and 'valid' in item['data_samples']
    assert 'seg_map_path' not in dataset.get_data_info(0)


def test_scribbles_for_training_dense_labels_for_validation(roots):
    data = roots['scribblekitti']
    train = build(data, 'scribblekitti')
    assert '/scribbles/' in train.get_data_info(0)['seg_map_path']
    val = build(data, 'scribblekitti', 'scribblekitti/val.txt', augment=False, test_mode=True)
    assert '/sequences/08/labels/' in val.get_data_info(0)['seg_map_path']
    sample = val[0]['data_samples']
    assert (sample.gt_sem_seg.data != 255).float().mean() / sample.valid.data.mean() > 0.99
    # the scans are the same, and the scribbles agree with the labels
    dense = build(roots['semantickitti'], 'semantickitti', augment=False)[0]['data_samples']
    drawn = build(data, 'scribblekitti', augment=False)[0]['data_samples']
    drawn, dense = (s.gt_sem_seg.data for s in (drawn, dense))
    assert (drawn[drawn != 255] == dense[drawn != 255]).all()


def test_a_sample_is_a_function_of_its_draw(roots):
    root = roots['semantickitti']
    source = dict(
        type='SemanticKITTIDataset',
        data_root=str(root),
        data_prefix=dict(
            img_path='semantickitti/sequences', seg_map_path='semantickitti/sequences'
        ),
        ann_file='splits/semantickitti_1pct/labeled.txt',
        verify=False,
        pipeline=[
            dict(type='LoadLidarPoints'),
            dict(type='LoadLidarLabels'),
            dict(type='AugmentPoints'),
            KITTI,
            dict(type='RollColumns', margin=0),
        ],
    )
    stream = dict(source='labeled', pipeline=[dict(type='PackValidInputs')])
    dataset = SemiDataset(source, [stream])

    def image(number):
        np.random.random(number)  # whatever came before
        return dataset[Draw.of(1, seed=3, stream=0, number=number)]['inputs']

    assert torch.equal(image(7), image(7)) and not torch.equal(image(7), image(8))


def test_classes_come_through(roots):
    data = roots['semantickitti']
    item = build(data, 'semantickitti', augment=False)[0]['data_samples']
    raw = np.fromfile(data / 'semantickitti/sequences/00/labels/000000.label', '<u4') & 0xFFFF
    assert np.array_equal(item.metainfo['point_labels'], semantickitti_labels.TABLE.to_class[raw])
    found = np.unique(item.gt_sem_seg.data)
    assert {8, 10, 12, 255} <= set(found.tolist())  # road, sidewalk, building


# ------------------------------------------------------------------ bad input


def scan(root, index=0, part='velodyne'):
    name = (root / 'splits/semantickitti_1pct/labeled.txt').read_text().split()[index]
    suffix = 'bin' if part == 'velodyne' else 'label'
    path = root / f'semantickitti/sequences/{name[:2]}/{part}/{name[3:]}.{suffix}'
    content = path.read_bytes()
    path.unlink()  # a link to the source
    path.write_bytes(content)
    return path


def damage(root, how):
    path = scan(root, part='labels' if how in ('short', 'raw', 'odd') else 'velodyne')
    content = path.read_bytes()
    points = np.resize(np.frombuffer(content, '<f4'), (len(content) // 16, 4))
    if how == 'cut':
        content = content[:-4]
    elif how == 'nan':
        points[7, 1] = np.nan
        content = points.tobytes()
    elif how == 'inf':
        points[7, 3] = np.inf  # the intensity
        content = points.tobytes()
    elif how == 'empty':
        content = b''
    elif how == 'short':
        content = content[:-4]
    elif how == 'odd':
        content = content[:-1]
    elif how == 'raw':
        labels = np.frombuffer(content, '<u4').copy()
        labels[:3] = 7 | 5 << 16
        content = labels.tobytes()
    path.write_bytes(content)
    return path


DAMAGES = dict(
    cut=r'\.bin: \d+ bytes are no multiple of the 16 of a point',
    nan=r'\.bin: 1 of \d+ points are not finite, the first is number 7: \[.*nan',
    inf=r'\.bin: 1 of \d+ points are not finite',
    empty=r'\.bin: the scan is empty',
    short=r'\.label: \d+ labels, but .*\.bin has \d+ points',
    odd=r'\.label: \d+ bytes are no multiple of 4',
    raw=r'\.label: 3 of \d+ points have raw ids that SemanticKITTI does not have \(7\)',
)


@pytest.mark.parametrize('how', DAMAGES)
def test_a_broken_scan(root, how):
    path = damage(root, how)
    message = refusal(root, 'semantickitti')
    assert re.search(DAMAGES[how], message) and str(path) in message and 'get ' in message


def test_a_broken_scan_that_is_not_among_the_first_read(root):
    path = damage(root, 'nan')
    labeled = root / 'splits/semantickitti_1pct/labeled.txt'
    rest = (root / 'splits/semantickitti_1pct/unlabeled.txt').read_text().split()
    labeled.write_text('\n'.join([*rest, labeled.read_text()]))
    dataset = build(root, 'semantickitti')
    loader = DataLoader(dataset, 2, num_workers=1, collate_fn=pseudo_collate)
    with pytest.raises(UserError) as caught:
        list(loader)
    assert one_line(caught.value).startswith(f'{path}: 1 of')


def test_skipping_broken_scans(root):
    path = damage(root, 'nan')
    dataset = build(root, 'semantickitti', bad_files='skip')
    for workers, epochs in ((0, 4), (1, 1)):
        loader = DataLoader(dataset, 2, num_workers=workers, collate_fn=pseudo_collate)
        for _ in range(epochs):
            for batch in loader:
                paths = [sample.metainfo['img_path'] for sample in batch['data_samples']]
                assert len(paths) == 2 and str(path) not in paths
        assert dataset.skipped.tolist() == [True, False]  # also what a worker has found
    # never when scores are measured
    strict = build(root, 'semantickitti', bad_files='skip', test_mode=True)
    with pytest.raises(UserError, match='not finite'):
        strict[0]


def test_a_scan_that_cannot_be_read_is_not_skipped(root):
    path = scan(root)
    dataset = build(root, 'semantickitti', bad_files='skip')
    path.unlink()
    with pytest.raises(UserError, match=r'scan .*\.bin cannot be read \(No such file.*disk'):
        dataset[0]
    assert not dataset.skipped.any()


def test_skipping_all(root):
    damage(root, 'empty')
    scan(root, 1).write_bytes(b'')
    message = refusal(root, 'semantickitti', bad_files='skip')
    assert 'the scan is empty' in message and 'all 2 samples of' in message


@pytest.mark.parametrize('root', ['scribblekitti'], indirect=True)
def test_no_scribbles(root):
    for path in (root / 'scribblekitti/sequences/00/scribbles').iterdir():
        path.unlink()
    message = refusal(root, 'scribblekitti')
    assert 'scribbles/00000' in message and 'prepare_data.py scribblekitti' in message


@pytest.mark.parametrize('root', ['nuscenes'], indirect=True)
def test_nuscenes_refusals(root):
    labeled = root / 'splits/nuscenes_1pct/labeled.txt'
    tokens = labeled.read_text().split()
    path = root / 'nuscenes' / json.loads((root / 'nuscenes/index.json').read_text())[tokens[0]][0]
    points = np.fromfile(path, '<f4').reshape(-1, 5)
    path.unlink()
    points[4:6, 4] = 32
    path.write_bytes(points.tobytes())
    assert 'points have a ring that is not one of 0..31, such as 32' in refusal(root, 'nuscenes')
    path.write_bytes(points[:, :4].tobytes()[:-16])
    assert 'no multiple of the 20 of a point' in refusal(root, 'nuscenes')
    labeled.write_text('03/000126\n')
    message = refusal(root, 'nuscenes')
    assert "labeled.txt: '03/000126' (and 0 more of 1) is no sample token" in message
    (root / 'nuscenes/index.json').write_text('{')
    assert 'index.json: cannot be read (no JSON); write it with' in refusal(root, 'nuscenes')
    for index in ([], {tokens[0]: 1}, {tokens[0]: ['one']}, {tokens[0]: [1, 2]}):
        (root / 'nuscenes/index.json').write_text(json.dumps(index))
        assert 'index.json: does not name a scan and its labels' in refusal(root, 'nuscenes')
    (root / 'nuscenes/index.json').unlink()
    assert 'index.json: cannot be read (No such file' in refusal(root, 'nuscenes')


def test_a_list_of_another_data_set(root):
    labeled = root / 'splits/semantickitti_1pct/labeled.txt'
    labeled.write_text('ae3d7a4d63d44736b635af04efea9730\n')
    message = refusal(root, 'semantickitti')
    assert "'ae3d7a4d63d44736b635af04efea9730' is no scan of semantickitti" in message
    assert 'prepare_data.py splits' in message
    labeled.write_text('00/000099\n')
    assert 'names a file that is missing' in refusal(root, 'semantickitti')
    labeled.unlink()
    assert 'split list not found' in refusal(root, 'semantickitti')
