import random

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmseg.registry import TRANSFORMS
from PIL import Image

from mmseg_plugins.errors import UserError


def load_mask(folder, mask, num_classes=3):
    path = folder / 'mask.png'
    Image.fromarray(mask).save(path)
    results = dict(
        seg_map_path=str(path),
        img_path='image.png',
        img_shape=(4, 6),
        seg_fields=[],
        reduce_zero_label=False,
        num_classes=num_classes,
    )
    return TRANSFORMS.build(dict(type='LoadIndexMask'))(results)


def test_a_fit_mask(tmp_path):
    mask = np.arange(24, dtype=np.uint8).reshape(4, 6) % 3
    mask[0, 0] = 255
    np.testing.assert_array_equal(load_mask(tmp_path, mask)['gt_seg_map'], mask)


@pytest.mark.parametrize(
    'mask, message',
    [
        (np.zeros((4, 6, 3), np.uint8), 'mask.png has the mode RGB: .* save it as'),
        (np.full((4, 6), 256, np.uint16), 'mask.png has the mode I;16: .* more than 8 bits'),
        (
            np.full((4, 6), 7, np.uint8),
            r'mask.png has 24 pixels with ids \[7\] outside the 3 classes',
        ),
        (np.zeros((6, 4), np.uint8), 'mask.png is 4 x 6 but its image image.png is 6 x 4'),
    ],
)
def test_unfit_masks(tmp_path, mask, message):
    with pytest.raises(UserError, match=message) as error:
        load_mask(tmp_path, mask)
    assert '\n' not in str(error.value)


def test_an_unreadable_mask(tmp_path):
    path = tmp_path / 'mask.png'
    path.write_bytes(b'not an image')
    results = dict(seg_map_path=str(path), seg_fields=[], reduce_zero_label=False, num_classes=3)
    with pytest.raises(UserError, match=r'mask .*mask.png cannot be read'):
        TRANSFORMS.build(dict(type='LoadIndexMask'))(results)


def test_camvid_ignores_its_last_id(tmp_path):
    from mmseg_plugins.datasets import CamVidDataset

    path = tmp_path / 'mask.png'
    Image.fromarray(np.array([[0, 10, 11], [0, 0, 0]], np.uint8)).save(path)
    results = dict(
        seg_map_path=str(path),
        seg_fields=[],
        reduce_zero_label=False,
        num_classes=11,
        label_map=CamVidDataset.get_label_map(),
    )
    loaded = TRANSFORMS.build(dict(type='LoadIndexMask'))(results)
    assert loaded['gt_seg_map'].tolist() == [[0, 10, 255], [0, 0, 0]]


def test_valid_mask_marks_padding():
    results = dict(img=np.ones((4, 6, 3), np.uint8), img_shape=(4, 6))
    pipeline = Compose([dict(type='LoadValidMask'), dict(type='Pad', size=(8, 8))])
    mask = pipeline(results)['gt_seg_map']
    assert (mask[:4, :6] == 0).all()
    assert (mask[4:] == 255).all() and (mask[:, 6:] == 255).all()


def test_multi_branch():
    pack = [dict(type='PackSegInputs')]
    branches = TRANSFORMS.build(
        dict(type='MultiBranch', branch_field=['sup', 'weak', 'strong'], weak=pack, strong=pack)
    )
    results = dict(img=np.ones((4, 6, 3), np.uint8), gt_seg_map=np.zeros((4, 6), np.uint8))
    packed = branches(results)
    assert packed['inputs']['sup'] is None and packed['data_samples']['sup'] is None
    assert packed['inputs']['weak'].shape == (3, 4, 6)
    packed['inputs']['weak'].zero_()  # views must not share memory
    assert packed['inputs']['strong'].all()
    with pytest.raises(UserError, match=r"views \['other'\] are not in branch_field"):
        TRANSFORMS.build(dict(type='MultiBranch', branch_field=['sup'], other=pack))


def test_strong_augment_changes_colour_and_nothing_else():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (32, 32, 3), np.uint8)
    mask = rng.integers(0, 3, (32, 32), np.uint8)
    transform = TRANSFORMS.build(dict(type='StrongAugment'))

    def augment(seed):
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        results = transform(dict(img=image.copy(), gt_seg_map=mask))
        assert results['gt_seg_map'] is mask
        assert results['img'].shape == image.shape and results['img'].dtype == np.uint8
        return results['img']

    views = [augment(seed) for seed in range(200)]
    np.testing.assert_array_equal(views[3], augment(3))
    gray = [(view[..., 0] == view[..., 1]).all() for view in views]
    same = [np.array_equal(view, image) for view in views]
    assert 20 <= sum(gray) <= 62  # p = 0.2: six standard deviations around 40
    assert 1 <= sum(same) <= 40  # p = 0.2 * 0.8 * 0.5, and blurs too weak to change a value


def test_strong_augment_off_is_the_identity():
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    off = dict(type='StrongAugment', jitter_prob=0, gray_prob=0, blur_prob=0)
    np.testing.assert_array_equal(TRANSFORMS.build(off)(dict(img=image.copy()))['img'], image)
