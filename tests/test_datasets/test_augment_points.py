"""Augmentation of points, one by one: specification (range view) 3.4."""

import lidar
import numpy as np
import pytest

from mmseg_plugins.datasets.transforms import AugmentPoints
from mmseg_plugins.datasets.transforms.augment_points import turned

NOTHING = dict(drop=0, flip=0, scale=(1, 1), turn=0, shift=0)


def augmented(points, labels, seed=0, **kwargs):
    np.random.seed(seed)
    results = dict(points=points.copy(), point_labels=labels.copy())
    return AugmentPoints(**{**NOTHING, **kwargs})(results)


def test_each_augmentation():
    points, labels = lidar.random_scan()
    same = augmented(points, labels)
    assert np.array_equal(same['points'], points)

    flipped = augmented(points, labels, flip=1)['points']
    assert np.array_equal(flipped[:, :2], -points[:, :2])
    assert np.array_equal(flipped[:, 2:], points[:, 2:])
    signs = {
        tuple(np.sign(augmented(points, labels, seed, flip=0.5)['points'][0] / points[0])[:2])
        for seed in range(30)
    }
    assert len(signs) == 4

    for seed in range(20):
        scaled = augmented(points, labels, seed, scale=(0.95, 1.05))['points']
        factor = scaled[:, :2] / points[:, :2]
        assert 0.95 <= factor.min() and factor.max() <= 1.05 and np.ptp(factor) < 1e-5
        assert np.array_equal(scaled[:, 2:], points[:, 2:])
    low = set()
    for seed in range(20):
        options = dict(scale=(1, 1.05), reciprocal=True, scale_axes='xyz')
        factor = augmented(points, labels, seed, **options)['points'][:, :3] / points[:, :3]
        assert np.ptp(factor) < 1e-4 and 1 / 1.0501 < factor.mean() < 1.0501
        low.add(bool(factor.mean() < 1))
    assert low == {True, False}

    after = augmented(points, labels, turn=180)['points']
    assert np.hypot(*after[:, :2].T) == pytest.approx(np.hypot(*points[:, :2].T), rel=1e-5)
    assert np.array_equal(after[:, 2:], points[:, 2:])
    quarter = turned(np.array([[1, 0]], np.float32), np.pi / 2)
    assert quarter == pytest.approx(np.array([[0, 1]]), abs=1e-6), 'counter-clockwise'
    east = np.array([[10, 0, 0, 0, 0]], np.float32)
    moved = [augmented(east, labels[:1], k, turn=180)['points'][0] for k in range(200)]
    yaw = np.degrees([np.arctan2(y, x) for x, y, *_ in moved])
    assert yaw.min() < -170 and yaw.max() > 170 and abs(yaw.mean()) < 20

    shift = [(augmented(points, labels, k, shift=0.1)['points'] - points)[0] for k in range(200)]
    assert 0.21 < np.abs(shift).max() <= 0.3001 and 0.09 < np.std(np.array(shift)[:, :3]) < 0.11
    assert not np.any(np.array(shift)[:, 3:])


def test_dropped_points_lose_their_labels():
    points, labels = lidar.random_scan()
    points[:, 3] = labels  # so that a point shows its label
    sizes = []
    for seed in range(20):
        results = augmented(points, labels, seed, drop=0.1)
        assert np.array_equal(results['points'][:, 3], results['point_labels'])
        sizes.append(len(results['points']) / len(points))
    assert 0.88 < min(sizes) < 0.94 and 0.97 < max(sizes) <= 1
