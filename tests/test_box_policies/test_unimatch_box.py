"""The law of specification 3.2, written out."""

from math import sqrt

import numpy as np
import pytest
from mmseg.registry import TASK_UTILS

from mmseg_plugins.errors import UserError


def spec_box(size, rng):
    area = rng.uniform(0.02, 0.4) * size**2
    while True:
        ratio = rng.uniform(0.3, 1 / 0.3)
        width, height = int(sqrt(area / ratio)), int(sqrt(area * ratio))
        x, y = rng.randint(0, size), rng.randint(0, size)
        if x + width <= size and y + height <= size:
            return [y, x, y + height, x + width]


@pytest.mark.parametrize('size', [65, 321])
def test_each_box_is_the_specification_s(size):
    rng = np.random.RandomState(3)
    expected = np.array([spec_box(size, rng) for _ in range(400)])
    boxes = TASK_UTILS.build(dict(type='UniMatchBox', prob=1.0))
    np.testing.assert_array_equal(boxes(400, (size, size), np.random.RandomState(3)), expected)

    expected[rng.uniform(size=400) >= 0.5] = 0
    boxes = TASK_UTILS.build(dict(type='UniMatchBox'))
    np.testing.assert_array_equal(boxes(400, (size, size), np.random.RandomState(3)), expected)


def test_an_image_that_is_too_long():
    box = TASK_UTILS.build(dict(type='UniMatchBox'))
    with pytest.raises(UserError, match='does not fit into 100 x 1000 pixels; use a smaller area'):
        box(1, (100, 1000))
    with pytest.raises(UserError, match='does not fit into 1000 x 100 pixels'):
        box(1, (1000, 100))
    TASK_UTILS.build(dict(type='UniMatchBox', area=(0, 0)))(1, (100, 1000))
    TASK_UTILS.build(dict(type='UniMatchBox', ratio=(1, 1)))(1, (100, 100))
