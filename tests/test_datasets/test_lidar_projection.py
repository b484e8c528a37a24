"""Range projection, augmentation of points, the roll: specification 1.4, 3.4 and 7.4."""

import time

import lidar
import numpy as np
import pytest
from lidar import at

from mmseg_plugins.datasets.transforms import (
    AugmentPoints,
    ProjectToRange,
    RemoveNearPoints,
    RollColumns,
)
from mmseg_plugins.errors import UserError

ONES = (1,) * 6
RING = dict(mode='ring', size=(32, 1920), scale=ONES)
# specification 3.4, nuScenes' column
NUSCENES = dict(drop=0, scale=(1, 1.05), reciprocal=True, scale_axes='xyz', shift=0.2)


def project(points, labels=None, **kwargs):
    results = dict(points=np.array(points, dtype=np.float32))
    if labels is not None:
        results['point_labels'] = np.array(labels, dtype=np.uint8)
    return ProjectToRange(**{'scale': ONES, **kwargs})(results)


def pixel(point, **kwargs):
    results = project([point], **kwargs)
    return divmod(int(results['point_pixels'][0]), results['img'].shape[1])


def test_spherical_landmarks():
    assert pixel(at(0, -5))[1] == 1024
    assert pixel(at(90, -5))[1] == 512
    assert pixel(at(-90, -5))[1] == 1536
    assert pixel(at(0, -5), size=(64, 1920))[1] == 960
    assert pixel(at(180, -5))[1] in (0, 2047)
    assert [pixel(at(0, pitch))[0] for pitch in (20, 3, 2.99, -24.99, -25.01, -60)] == [
        *(0, 0, 0),
        *(63, 63, 63),
    ]
    assert pixel(at(0, -11.01))[0] == 32 and pixel(at(0, -10.99))[0] == 31


def test_ring_landmarks():
    assert pixel(at(0, 0, ring=0), **RING) == (31, 0)
    assert pixel(at(90, 0, ring=31), **RING) == (0, 480)
    assert pixel(at(-90, 0, ring=5), **RING) == (26, 1440)
    assert pixel(at(-0.01, 0), **RING)[1] == 1919
    # by ring, whatever the angle
    assert pixel(at(0, 40, ring=7), **RING)[0] == 24


@pytest.mark.parametrize('kwargs', ({}, RING))
def test_nearest_wins(kwargs):
    far, near = at(31, -3, 20, 0.1, 4), at(31, -3, 19, 0.9, 4)
    for points, labels in (([far, near], [1, 2]), ([near, far], [2, 1])):
        results = project(points, labels, **kwargs)
        row, column = np.divmod(results['point_pixels'], results['img'].shape[1])
        assert len(set(zip(row, column, strict=True))) == 1
        planar = 19 if not kwargs else 19 * np.cos(np.radians(3))
        assert results['img'][row[0], column[0], 3:] == pytest.approx([0.9, planar, 1])
        assert results['gt_seg_map'][row[0], column[0]] == 2


def test_what_is_nearest_differs():
    # steep and near in the plane against flat and near in space
    steep, flat = at(0, -40, 10, 0.1, 3), at(0, -1, 9, 0.2, 3)
    results = project([steep, flat], [1, 2], **RING)
    assert results['gt_seg_map'][28, 0] == 1


def test_empty_pixels_and_scale():
    results = project([at(0, -5)], [3], scale=(50, 50, 3, 1, 80, 1))
    image = results['img']
    assert image.shape == (64, 2048, 6) and image.dtype == np.float32
    assert image[0, 0] == pytest.approx([-0.02, -0.02, -1 / 3, -1, -0.0125, 0])
    row, column = divmod(results['point_pixels'][0], 2048)
    assert image[row, column, 4:] == pytest.approx([10 / 80, 1])
    assert results['gt_seg_map'][row, column] == 3
    assert (results['gt_seg_map'] == 255).sum() == 64 * 2048 - 1
    assert results['valid_map'].sum() == 1 and results['valid_map'][row, column] == 1
    assert np.array_equal(results['valid_map'], image[..., 5])
    assert results['img_shape'] == (64, 2048)


def test_the_first_point_counts():
    # the reference masks index > 0; index 0 is a point like any other
    assert project([at(0, -5)])['valid_map'].sum() == 1


def test_radius_filter():
    # the second is 1.7 m away, but 0.85 m in the plane; the third lies on the circle
    points = [at(0, 0, 0.89), at(0, -60, 1.7), [0, 0.9, 0, 0, 0], at(10, 0, 0.91), at(20, 0, 5)]
    results = dict(points=np.array(points, np.float32), point_labels=np.arange(5))
    results = RemoveNearPoints()(results)
    assert results['point_labels'].tolist() == [2, 3, 4]
    assert np.allclose(results['points'], points[2:])
    assert len(RemoveNearPoints(6)(results)['points']) == 0, 'an empty image is an image'
    assert project(results['points'].reshape(0, 5), **RING)['valid_map'].sum() == 0


def test_near_points_are_removed_before_they_move():
    """The shift takes returns of the vehicle over the border, and others below it."""
    yaw = np.arange(0, 360, 5.0)
    points = [at(y, 0, distance) for distance in (0.7, 1.1) for y in yaw]
    np.random.seed(0)
    crossed = 0
    for _ in range(20):
        results = RemoveNearPoints()(dict(points=np.array(points, np.float32)))
        assert len(results['points']) == len(yaw)
        moved = AugmentPoints(**NUSCENES)(results)
        crossed += (np.hypot(*moved['points'][:, :2].T) < 0.9).sum()
        assert project(moved['points'], **RING)['point_pixels'].size == len(yaw)
    assert crossed


@pytest.mark.parametrize('kwargs', ({}, RING))
def test_equals_a_loop_over_points(kwargs):
    points, labels = lidar.random_scan()
    results = project(points, labels, **kwargs)
    height, width = results['img_shape']
    nearest = {}
    for point, label in zip(points.astype(float), labels, strict=True):
        x, y, z, _, ring = point
        if kwargs:
            distance = np.hypot(x, y)
            row = 31 - int(ring)
            column = int(np.arctan2(y, x) % (2 * np.pi) / (2 * np.pi) * width)
        else:
            distance = np.sqrt(x * x + y * y + z * z)
            pitch, yaw = np.degrees(np.arcsin(z / distance)), np.arctan2(y, x)
            row = int(np.clip(np.floor((1 - (pitch + 25) / 28) * height), 0, height - 1))
            column = int(np.clip(np.floor(0.5 * (1 - yaw / np.pi) * width), 0, width - 1))
        key = row, min(column, width - 1)
        if key not in nearest or distance < nearest[key][0]:
            nearest[key] = distance, label, point[3]
    expected = np.full((height, width), 255)
    for key, (distance, label, intensity) in nearest.items():
        expected[key] = label
        assert results['img'][key][3:5] == pytest.approx([intensity, distance], rel=1e-5)
    # a float32 distance may put a point on the other side of a border
    assert (results['gt_seg_map'] != expected).sum() <= 3
    assert abs(int(results['valid_map'].sum()) - len(nearest)) <= 2
    # every point is told where it went
    near = results['img'][..., 4].ravel()[results['point_pixels']]
    assert (near <= results['point_ranges']).all()


def test_a_point_at_the_origin():
    results = project([[0, 0, 0, 0.5]])
    assert np.isfinite(results['img']).all()


def test_refusals():
    with pytest.raises(UserError, match='have no ring'):
        project([at(0, 0)[:4]], mode='ring')
    for kwargs, match in (
        (dict(mode='sphere'), "mode='sphere'"),
        (dict(scale=(1, 2)), 'six positive'),
        (dict(fov=(-25, 3)), 'upper end'),
    ):
        with pytest.raises(UserError, match=match):
            ProjectToRange(**kwargs)
    with pytest.raises(UserError, match='margin=-1'):
        RollColumns(-1)
    for kwargs in (
        dict(drop=1),
        dict(flip=2),
        dict(scale=(0, 1)),
        dict(scale_axes='z'),
        dict(shift=-1),
    ):
        with pytest.raises(UserError, match='AugmentPoints'):
            AugmentPoints(**kwargs)
    with pytest.raises(UserError, match='min_radius=0'):
        RemoveNearPoints(0)


def test_roll_moves_all_alike():
    points, labels = lidar.random_scan()
    before = project(points, labels)
    np.random.seed(0)
    shifts = set()
    for _ in range(20):
        after = RollColumns()({k: v for k, v in before.items()})
        shift = (after['point_pixels'][0] - before['point_pixels'][0]) % 2048
        shifts.add(int(shift))
        for key in ('img', 'gt_seg_map', 'valid_map'):
            assert np.array_equal(after[key], np.roll(before[key], shift, axis=1))
        own = after['img'][..., 4].ravel()[after['point_pixels']]
        assert (own <= after['point_ranges']).all()
    assert len(shifts) > 10 and min(shifts) >= 100 and max(shifts) <= 1948
    narrow = project(points, labels, size=(64, 64))
    assert RollColumns()(narrow)['img'].shape == (64, 64, 6)


@pytest.mark.parametrize('kwargs', ({}, RING))
def test_labels_follow_the_points_through_everything(kwargs):
    points, labels = lidar.random_scan()
    points[:, 3] = labels
    np.random.seed(1)
    results = AugmentPoints()(dict(points=points, point_labels=labels))
    results = RollColumns()(ProjectToRange(**{'scale': ONES, **kwargs})(results))
    seen = results['valid_map'] == 1
    assert np.array_equal(results['img'][..., 3][seen], results['gt_seg_map'][seen])


@pytest.mark.parametrize(('kwargs', 'direction'), (({}, -1), (RING, 1)))
def test_a_turn_by_one_column_shifts_the_image_by_one(kwargs, direction):
    width = kwargs.get('size', (64, 2048))[1]
    step = 360 / width
    yaw = (np.arange(0, width, 7) + 0.5) * step  # middles of columns
    ring = np.arange(len(yaw)) % 32
    pitch = -24 + 26 * (ring + 0.31) / 32
    first = np.array(at(yaw, pitch, 10.0, yaw, ring), dtype=object)
    second = np.array(at(yaw + step, pitch, 10.0, yaw, ring), dtype=object)
    images = [
        project(
            np.stack([np.broadcast_to(v, yaw.shape) for v in p], 1).astype(np.float32), **kwargs
        )
        for p in (first, second)
    ]
    shifted = np.roll(images[0]['img'], direction, axis=1)
    assert np.array_equal(shifted[..., 3], images[1]['img'][..., 3])
    assert np.array_equal(shifted[..., 5], images[1]['img'][..., 5])


def test_speed():
    points, labels = lidar.random_scan(120_000)
    for kwargs in ({}, RING):
        transform, took = ProjectToRange(**kwargs), []
        for _ in range(8):
            start = time.thread_time()  # what others do on the machine does not count
            transform(dict(points=points, point_labels=labels))
            took.append(time.thread_time() - start)
        assert min(took) < 0.03
