"""The centre crop of the validation pipeline."""

import numpy as np
import pytest
from mmseg.registry import TRANSFORMS

from mmseg_plugins.errors import UserError


def crop(size, shape):
    rows, columns = np.indices(shape, np.int16)
    results = dict(
        img=np.stack([rows, columns, rows], axis=-1),
        gt_seg_map=rows,
        seg_fields=['gt_seg_map'],
        ori_shape=shape,
    )
    return TRANSFORMS.build(dict(type='CenterCropSample', crop_size=size))(results)


def test_cityscapes_window():
    """Odd margins are cut as the reference does; mmcv's CenterCrop starts at 112, 624."""
    results = crop(801, (1024, 2048))
    assert results['img'].shape == (801, 801, 3) and results['gt_seg_map'].shape == (801, 801)
    assert results['img'][0, 0].tolist() == [111, 623, 111]
    assert (results['gt_seg_map'] == results['img'][..., 0]).all()
    assert results['ori_shape'] == results['img_shape'] == results['pad_shape'] == (801, 801)


def test_height_width_and_short_sides():
    results = crop((5, 4), (3, 9))
    assert results['img'].shape == (3, 4, 3) and results['ori_shape'] == (3, 4)
    assert results['img'][0, 0].tolist() == [0, 2, 0]


@pytest.mark.parametrize('size', [0, (4, -1), (1, 2, 3)])
def test_unfit_size(size):
    with pytest.raises(UserError, match='CenterCropSample: crop_size='):
        crop(size, (9, 9))
