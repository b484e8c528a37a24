"""A data root with all files of every benchmark under their true names.

They are links to two pictures, to a scan of one point and its label.
"""

import csv
import json
import os

import numpy as np
from PIL import Image

from mmseg_plugins.datasets.lidar import semantickitti_labels as kitti
from mmseg_plugins.datasets.prepare import lists, splits

# images and masks of an id, below the folder
LAYOUTS = {
    'voc12': ('JPEGImages/{}.jpg', 'SegmentationClassAug/{}.png'),
    'cityscapes': ('leftImg8bit/{}_leftImg8bit.png', 'gtFine/{}_gtFine_labelTrainIds.png'),
    'cityscapes_half': ('leftImg8bit/{}_leftImg8bit.png', 'gtFine/{}_gtFine_labelTrainIds.png'),
    'ade20k': ('images/{}.jpg', 'annotations/{}.png'),
    'shapes': ('JPEGImages/{}.png', 'SegmentationClass/{}.png'),
    'camvid': ('images/{}.png', 'annotations/{}.png'),
}
LIDAR = ('semantickitti', 'scribblekitti', 'nuscenes', 'scans')
# ids of as many images as there are
TRAIN = {
    'semantickitti': kitti.scan_ids(kitti.TRAIN),
    'scribblekitti': kitti.scan_ids(kitti.TRAIN),
    'nuscenes': [f'{k:032x}' for k in range(28130)],
    'scans': kitti.scan_ids({'00': 64}),
    'voc12': [f'2008_{k:06d}' for k in range(10582)],
    'cityscapes': [f'train/aachen/aachen_{k:06d}_000019' for k in range(2975)],
    'ade20k': [f'training/ADE_train_{k:08d}' for k in range(1, 20211)],
    'shapes': [f'train_{k}' for k in range(200)],
    'camvid': [f'train/{k}' for k in range(367)],
}
VAL = {
    'semantickitti': kitti.scan_ids(kitti.VAL),
    'scribblekitti': kitti.scan_ids(kitti.VAL),
    'nuscenes': [f'{k:032x}' for k in range(28130, 34149)],
    'scans': kitti.scan_ids({'08': 32}),
    'voc12': [f'2009_{k:06d}' for k in range(1449)],
    'cityscapes': [f'val/munster/munster_{k:06d}_000019' for k in range(500)],
    'ade20k': [f'validation/ADE_val_{k:08d}' for k in range(1, 2001)],
    'shapes': [f'val_{k}' for k in range(5)],
    'camvid': [f'val/{k}' for k in range(101)],
}


def dataset_of(benchmark):
    """Data set of a benchmark: 'voc12' of 'voc_classic_92'."""
    return next(name for name in TRAIN if name.startswith(benchmark.partition('_')[0]))


def write_lists(out, leaves, recorded=True):
    """Write lists of the recorded lengths, and those of the benchmarks without record."""
    for record in lists.read_table().values() if recorded else ():
        train = TRAIN[dataset_of(record.benchmark)]
        ids = {
            'val': VAL[dataset_of(record.benchmark)],
            'labeled': train[: record.entries],
            'unlabeled': train[len(train) - record.entries :],
        }[record.which]
        assert len(ids) == record.entries, record.path
        splits.write_list(out / record.path, ids)
    splits.write_list(out / 'shapes/ImageSets/Segmentation/val.txt', VAL['shapes'])
    for name in ('camvid', 'scans'):
        splits.write_list(out / f'{name}/val.txt', VAL[name])
    for leaf in leaves:
        benchmark, labelled = leaf.protocol['benchmark'], leaf.protocol['labelled_images']
        place, train = out / 'splits' / benchmark, TRAIN[dataset_of(benchmark)]
        if not place.is_dir():
            splits.write_list(place / 'labeled.txt', train[:labelled])
        # nuScenes' are made from its tables, which are not here
        if not list(place.rglob('unlabeled.txt')):
            splits.write_list(place / 'unlabeled.txt', train[labelled:] or train)


def write_files(out):
    """Link what the lists below ``out`` name: images, and masks of labelled and val lists."""
    Image.new('RGB', (8, 6)).save(out / 'image.png')
    Image.new('L', (8, 6)).save(out / 'mask.png')
    images, masks = set(), set()
    for path in out.rglob('*.txt'):
        part = path.relative_to(out).parts
        dataset = dataset_of(part[1]) if part[0] == 'splits' else part[0]
        folders = ['cityscapes', 'cityscapes_half'] if dataset == 'cityscapes' else [dataset]
        ids = path.read_text().split()
        for folder in () if dataset in LIDAR else folders:
            image, mask = (f'{folder}/{form}' for form in LAYOUTS[folder])
            images.update(map(image.format, ids))
            if path.stem != 'unlabeled':
                masks.update(map(mask.format, ids))
    for source, paths in (('image.png', images), ('mask.png', masks)):
        for folder in {os.path.dirname(path) for path in paths}:
            (out / folder).mkdir(parents=True, exist_ok=True)
        for path in paths:
            os.link(out / source, out / path)
    write_scans(out)


def write_scans(out):
    """Scans of one point: every sequence is a link to one with names enough, as is every file."""
    for folder in LIDAR:
        (out / folder).mkdir(exist_ok=True)
    np.array([5, 0, -1, 0.5], '<f4').tofile(out / 'scan.bin')
    np.array([40], '<u4').tofile(out / 'scan.label')
    sequence = out / 'semantickitti/sequences/00'
    for part, suffix in (('velodyne', 'bin'), ('labels', 'label')):
        (sequence / part).mkdir(parents=True)
        for k in range(max({**kitti.TRAIN, **kitti.VAL}.values())):
            os.link(out / f'scan.{suffix}', sequence / f'{part}/{k:06d}.{suffix}')
    (sequence / 'scribbles').symlink_to(sequence / 'labels')
    for name in [*kitti.TRAIN, *kitti.VAL][1:]:
        (sequence.parent / name).symlink_to(sequence)
    for folder in ('scribblekitti', 'scans'):
        (out / folder / 'sequences').symlink_to(sequence.parent)
    np.array([5, 0, -1, 100, 3], '<f4').tofile(out / 'nuscenes/scan.bin')
    np.array([24], 'u1').tofile(out / 'nuscenes/label.bin')
    tokens = [out / 'nuscenes/val.txt', *(out / 'splits').glob('nuscenes_*/*.txt')]
    tokens = {token for path in tokens if path.is_file() for token in path.read_text().split()}
    index = dict.fromkeys(sorted(tokens), ['scan.bin', 'label.bin'])
    (out / 'nuscenes/index.json').write_text(json.dumps(index))


def record_lists(out, table):
    """Write a ``lists.csv`` of the lists below ``out`` that the package's own table has."""
    rows = [['benchmark', 'label_seed', 'list', 'entries', 'sha256', 'origin', 'origin_sha256']]
    for path in sorted(out.rglob('*.txt')):
        parts = path.relative_to(out).parts
        ids = path.read_text().split()
        if parts[0] == 'splits' and not parts[1].startswith(('shapes', 'camvid', 'scans')):
            key = [parts[1], parts[2] if len(parts) == 4 else '', path.stem]
        elif parts[1:] == ('val.txt',) and parts[0] not in ('camvid', 'scans'):
            key = [parts[0], '', 'val']
        else:
            continue
        rows.append([*key, len(ids), lists.list_sha256(ids), '', ''])
    with open(table, 'w', newline='') as file:
        csv.writer(file).writerows(rows)
    return table
