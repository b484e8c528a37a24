"""The box laws over many draws."""

import numpy as np
import pytest
from mmseg.registry import TASK_UTILS

from mmseg_plugins.errors import UserError

SIZE = (200, 300)
CUTMIX = dict(type='FrenchBox', area=(0.5, 0.5))
FIXED = dict(type='FrenchBox', area=(0.5, 0.5), random_aspect=False)
CUTOUT = dict(type='FrenchBox', area=(0.0, 1.0), partner='none')

# What 40 000 boxes of the reference measure (specification 1.7): the box's share of the image
# (mean, standard deviation, least, largest), its height over the image's (mean, least and largest
# in pixels), and the shares of boxes that touch a border, are empty, and cover the centre.
FRENCH = [
    (CUTMIX, (321, 321), (0.5, 0.0009, 0.4978, 0.5022), (0.721, 161, 321), (0.062, 0, 1)),
    (CUTMIX, (256, 512), (0.5, 0.0009, 0.4977, 0.5023), (0.721, 128, 256), (0.059, 0, 1)),
    (CUTMIX, (224, 224), (0.5, 0.0013, 0.4968, 0.5033), (0.721, 112, 224), (0.083, 0, 1)),
    (FIXED, (321, 321), (0.50008, 0, 0.50008, 0.50008), (0.707, 227, 227), (0.021, 0, 1)),
    (CUTOUT, (321, 321), (0.5001, 0.2888, 0, 1), (0.693, 0, 321), (0.120, 0.0003, 0.775)),
    (CUTOUT, (256, 512), (0.5001, 0.2888, 0, 1), (0.693, 0, 256), (0.115, 0.0004, 0.775)),
]
# Chance of a pixel to lie in the box, CutMix at 321 x 321, at 0, 1/8, ..., 1/2 of height and width.
COVERED = [
    [0.000, 0.006, 0.010, 0.014, 0.017],
    [0.006, 0.239, 0.395, 0.506, 0.550],
    [0.011, 0.395, 0.627, 0.768, 0.814],
    [0.014, 0.502, 0.765, 0.909, 0.954],
    [0.017, 0.546, 0.811, 0.955, 1.000],
]


def draw(num=3000, size=SIZE, **cfg):
    boxes = TASK_UTILS.build(cfg)(num, size, np.random.RandomState(0))
    assert boxes.shape == (num, 4) and boxes.dtype == np.int64
    assert (boxes >= 0).all() and (boxes[:, 2:] <= size).all()
    height, width = (boxes[:, 2:] - boxes[:, :2]).T
    return boxes, height, width, height * width / np.prod(size)


def covers(boxes, row, column):
    top, left, bottom, right = boxes.T
    return (top <= row) & (row < bottom) & (left <= column) & (column < right)


@pytest.mark.parametrize('law, size, share, height, shares', FRENCH)
def test_french_boxes_have_the_reference_s_statistics(law, size, share, height, shares):
    num = 40_000
    boxes, heights, _, area = draw(num, size, **law)

    def spread(values):  # five standard errors of a difference of two means, and the last digit
        return 5 * np.std(values) * (2 / num) ** 0.5 + 0.0006

    assert area.mean() == pytest.approx(share[0], abs=spread(area))
    assert area.std() == pytest.approx(share[1], rel=0.05)
    assert area.min() == pytest.approx(share[2], abs=0.0002)
    assert area.max() == pytest.approx(share[3], abs=0.0002)
    assert (heights / size[0]).mean() == pytest.approx(height[0], abs=spread(heights / size[0]))
    assert (heights.min(), heights.max()) == height[1:]

    empty = area == 0
    touching = ((boxes[:, :2] == 0) | (boxes[:, 2:] == size)).any(axis=1) & ~empty
    middle = np.divide(size, 2)  # of even sizes it lies between pixels
    centre = ((boxes[:, :2] <= middle) & (boxes[:, 2:] >= middle)).all(axis=1)
    for found, expected in zip((touching, empty, centre), shares, strict=True):
        assert found.mean() == pytest.approx(expected, abs=spread(found))
    if law is not CUTOUT:
        assert centre.all() and not empty.any()


def test_french_cutmix_box_covers_the_middle_more_often():
    boxes, *_ = draw(40_000, (321, 321), **CUTMIX)
    places = [round(321 * eighth / 8) for eighth in range(5)]
    found = [[covers(boxes, row, column).mean() for column in places] for row in places]
    np.testing.assert_allclose(found, COVERED, atol=0.02)  # 0.018 is five standard errors


@pytest.mark.parametrize(
    'area',
    [(0, 0), (-0.1, 0.5), (0.5, 1.2), (0.6, 0.4), (0.5, float('nan')), 0.5, (0.5,), ('0', '1')],
)
def test_unfit_areas(area):
    with pytest.raises(UserError, match=r'FrenchBox: area=.* is not a range .* high in \(0, 1\]'):
        TASK_UTILS.build(dict(type='FrenchBox', area=area))


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
    *_, area = draw(prob=0.2, **CUTOUT)  # the others keep the whole image
    assert (area == 1).mean() == pytest.approx(0.8, abs=0.03)


def test_an_unknown_partner():
    with pytest.raises(UserError, match=r"partner='other'; use one of \['stream', 'batch', 'label"):
        TASK_UTILS.build(dict(type='FrenchBox', partner='other'))
