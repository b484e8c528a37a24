"""The label tables, against the specification's (1.2, 1.3) written out in another way."""

import numpy as np
import pytest

from mmseg_plugins.datasets.lidar import nuscenes_labels, scans_labels, semantickitti_labels
from mmseg_plugins.errors import UserError

# raw id -> train id, where 0 is ignored; the class is one less
KITTI = {
    **{0: 0, 1: 0, 52: 0, 99: 0, 10: 1, 252: 1, 11: 2, 15: 3, 18: 4, 258: 4, 13: 5, 16: 5, 20: 5},
    **{256: 5, 257: 5, 259: 5, 30: 6, 254: 6, 31: 7, 253: 7, 32: 8, 255: 8, 40: 9, 60: 9, 44: 10},
    **{48: 11, 49: 12, 50: 13, 51: 14, 70: 15, 71: 16, 72: 17, 80: 18, 81: 19},
}
KITTI_NAMES = (
    'car bicycle motorcycle truck other-vehicle person bicyclist motorcyclist road parking '
    'sidewalk other-ground building fence vegetation trunk terrain pole traffic-sign'
)
NUSCENES = [
    *(0, 0, 7, 7, 7, 0, 7, 0, 0, 1, 0, 0, 8, 0, 2, 3),
    *(3, 4, 5, 0, 0, 6, 9, 10, 11, 12, 13, 14, 15, 0, 16, 0),
]
NUSCENES_NAMES = (
    'barrier bicycle bus car construction_vehicle motorcycle pedestrian traffic_cone trailer truck '
    'driveable_surface other_flat sidewalk terrain manmade vegetation'
)
KITTI_INVERSE = [10, 11, 15, 18, 20, 30, 31, 32, 40, 44, 48, 49, 50, 51, 70, 71, 72, 80, 81]


def test_semantickitti():
    table = semantickitti_labels.TABLE
    assert ' '.join(table.classes) == KITTI_NAMES
    assert len(KITTI) == 34 and np.flatnonzero(table.known).tolist() == sorted(KITTI)
    raw = np.array(list(KITTI))
    expected = [(train - 1) % 256 for train in KITTI.values()]
    assert table.remap(raw, 'x.label').tolist() == expected
    assert table.classes[table.remap(np.array([255]), 'x.label')[0]] == 'motorcyclist'
    assert semantickitti_labels.TO_RAW.tolist() == KITTI_INVERSE
    assert len(table.palette) == 19 and len(set(map(tuple, table.palette))) == 19


def test_nuscenes():
    table = nuscenes_labels.TABLE
    assert ' '.join(table.classes) == NUSCENES_NAMES
    expected = [(train - 1) % 256 for train in NUSCENES]
    assert table.remap(np.arange(32), 'x.bin').tolist() == expected
    assert len(table.palette) == 16


def test_nuscenes_by_name_is_the_table():
    order = np.random.default_rng(0).permutation(32)
    shuffled = {int(new): nuscenes_labels.RAW[old] for old, new in enumerate(order)}
    table = nuscenes_labels.table_by_name(shuffled)
    expected = nuscenes_labels.TABLE.to_class[:32]
    assert table.to_class[order].tolist() == expected.tolist()
    with pytest.raises(UserError, match=r"category.json: raw id \d+ is '.*', but '.*' in the"):
        nuscenes_labels.TABLE.check_names(shuffled, 'category.json')
    with pytest.raises(UserError, match='has the raw id 32'):
        nuscenes_labels.TABLE.check_names({**nuscenes_labels.RAW, 32: 'x'}, 'category.json')
    nuscenes_labels.TABLE.check_names(nuscenes_labels.RAW, 'category.json')


@pytest.mark.parametrize('raw', ([10, 2], [10, 260], [40, 65535]))
def test_an_id_outside_the_table(raw):
    wrong = rf'a.label: 1 of 2 points have raw ids that SemanticKITTI does not have \({raw[1]}\)'
    with pytest.raises(UserError, match=wrong):
        semantickitti_labels.TABLE.remap(np.array(raw), 'a.label')


def test_scans_are_a_part_of_semantickitti():
    table, whole = scans_labels.TABLE, semantickitti_labels.TABLE
    for index, name in enumerate(table.classes):
        same = table.to_class == index
        assert (whole.to_class[same] == whole.classes.index(name)).all() and same.any()


def test_scans_of_the_sequences():
    ids = semantickitti_labels.scan_ids(semantickitti_labels.TRAIN)
    assert len(set(ids)) == 19130 and ids[0] == '00/000000' and ids[-1] == '10/001200'
    assert len(semantickitti_labels.scan_ids(semantickitti_labels.VAL)) == 4071
