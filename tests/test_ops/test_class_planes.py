"""Planes decide and write as boards do, wherever the winner needs more than half."""

import numpy as np
import pytest

from mmseg_plugins.ops.bits import pack, popcount, unpack
from mmseg_plugins.ops.class_boards import ClassBoards
from mmseg_plugins.ops.class_planes import ClassPlanes


def both(label, bits):
    return [kind(label, pack(bits[None])) for kind in (ClassBoards, ClassPlanes)]


@pytest.mark.parametrize('dtype, classes', [(np.uint8, 2), (np.uint8, 21), (np.int32, 300)])
@pytest.mark.parametrize('tau', [0.5, 0.75, 1.0])
def test_planes_are_boards(dtype, classes, tau):
    rng = np.random.default_rng(classes)
    label = np.repeat(rng.integers(0, classes, 20), 10).astype(dtype)
    bits = rng.random(200) < 0.8
    boards, planes = both(label, bits)
    label, taken, tau = label.copy(), 0, np.float32(tau)
    for _ in range(200):
        first, length = rng.integers(0, 190), rng.integers(1, 40)
        region = bits & (np.arange(200) >= first) & (np.arange(200) < first + length)
        if not region.any():
            continue
        segment, count = pack(region[None])[0], int(region.sum())
        most = np.bincount(label[region])
        share = np.float32(most.max()) / np.float32(count)
        winner = int(most.argmax()) if share > tau else None
        assert boards.take(segment, count, tau) == planes.take(segment, count, tau) == winner
        if winner is not None:
            label[region] = winner
            taken += 1
    assert taken > 20 or tau == 1
    for place in planes.place[:, 0]:
        np.testing.assert_array_equal(
            unpack(planes.planes[place], 200)[bits], (label >> place & 1)[bits] > 0
        )
    for number, board in zip(boards.classes, boards.boards, strict=True):
        np.testing.assert_array_equal(unpack(board, 200)[bits], label[bits] == number)


def test_digits_of_most_pixels_may_name_a_class_that_none_has():
    label = np.array([1, 2, 4], dtype=np.uint8)
    bits = np.ones(3, dtype=bool)
    _, planes = both(label, bits)
    before = planes.planes.copy()
    assert planes.take(pack(bits[None])[0], 3, np.float32(0.5)) is None
    np.testing.assert_array_equal(planes.planes, before)


def test_ties_go_to_the_smallest_class():
    label = np.array([7, 3, 3, 7], dtype=np.uint8)
    bits = np.ones(4, dtype=bool)
    boards, _ = both(label, bits)
    assert boards.take(pack(bits[None])[0], 4, np.float32(0.0)) == 3
    assert popcount(boards.boards).tolist() == [4, 0]
