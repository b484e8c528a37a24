"""The box laws over many draws."""

import numpy as np
import pytest
from mmseg.registry import TASK_UTILS

SIZE = (200, 300)


def draw(num=3000, **cfg):
    boxes = TASK_UTILS.build(cfg)(num, SIZE, np.random.RandomState(0))
    assert boxes.shape == (num, 4) and boxes.dtype == np.int64
    assert (boxes >= 0).all() and (boxes[:, 2] <= SIZE[0]).all() and (boxes[:, 3] <= SIZE[1]).all()
    height, width = (boxes[:, 2:] - boxes[:, :2]).T
    return boxes, height, width, height * width / np.prod(SIZE)


def test_unimatch_box():
    _, height, width, area = draw(type='UniMatchBox', prob=1.0)
    assert area.min() > 0.015 and area.max() < 0.4
    assert area.mean() == pytest.approx(0.21, abs=0.02)  # uniform on 0.02..0.4, before rounding
    ratio = height / width
    assert ratio.min() < 0.4 and ratio.max() > 2.5
    assert 0.28 < ratio.min() and ratio.max() < 3.6


def test_prob_is_the_share_of_mixed_images():
    boxes, *_ = draw(type='UniMatchBox')  # 0.5
    assert (boxes.any(axis=1)).mean() == pytest.approx(0.5, abs=0.03)
    boxes, *_ = draw(type='FrenchBox', prob=0.2)
    assert (boxes.any(axis=1)).mean() == pytest.approx(0.2, abs=0.03)


def test_french_box_covers_the_centre():
    boxes, _, _, area = draw(type='FrenchBox')
    assert area.mean() == pytest.approx(0.5, abs=0.003)
    top, left, bottom, right = boxes.T
    assert ((top <= 100) & (bottom >= 100) & (left <= 150) & (right >= 150)).all()
