"""CorrMatch's transforms against specification 3.1 and 3.2, written out in PIL and numpy."""

import random

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmseg.registry import MODELS, TRANSFORMS
from mmseg.structures import SegDataSample
from PIL import Image, ImageFilter, ImageOps
from torchvision.transforms import ColorJitter, RandomGrayscale
from torchvision.transforms.functional import normalize, to_tensor

from mmseg_plugins.errors import UserError

CROP = 33
GEOMETRY = [
    dict(type='RandomLongSide'),
    dict(type='Pad', size=(CROP, CROP), pad_val=dict(img=0, seg=255)),
    dict(type='RandomCrop', crop_size=(CROP, CROP)),
    dict(type='RandomFlip', prob=0.5),
]
SIZES = [(37, 50), (50, 37), (40, 40), (23, 61)]  # (height, width)


def picture(height, width):
    rng = np.random.default_rng(height)
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    mask = rng.integers(0, 4, (height, width), np.uint8)
    mask[:, : width // 5] = 255  # void
    return image, mask


def spec_geometry(image, mask, fill, rng):
    """Scale, pad, crop, flip of an RGB image and its mask, which is padded with ``fill``."""
    image, mask = Image.fromarray(image), Image.fromarray(mask)
    width, height = image.size
    long = rng.randint(int(0.5 * max(height, width)), int(2.0 * max(height, width)) + 1)
    if height > width:
        size = int(1.0 * width * long / height + 0.5), long
    else:
        size = long, int(1.0 * height * long / width + 0.5)
    image, mask = image.resize(size, Image.BILINEAR), mask.resize(size, Image.NEAREST)

    border = (0, 0, max(CROP - size[0], 0), max(CROP - size[1], 0))
    image, mask = ImageOps.expand(image, border, 0), ImageOps.expand(mask, border, fill)
    y = rng.randint(0, image.height - CROP + 1)
    x = rng.randint(0, image.width - CROP + 1)
    image, mask = (view.crop((x, y, x + CROP, y + CROP)) for view in (image, mask))
    if rng.choice(['flip', 'keep'], p=[0.5, 0.5]) == 'flip':
        image, mask = ImageOps.mirror(image), ImageOps.mirror(mask)
    return np.array(image), np.array(mask)


def run(pipeline, image, seed, **results):
    """A pipeline on an RGB image, which it sees in mmcv's order BGR; RGB again."""
    np.random.seed(seed)
    results = Compose(pipeline)(
        dict(img=image[..., ::-1].copy(), img_shape=image.shape[:2], **results)
    )
    return results['img'][..., ::-1], results


@pytest.mark.parametrize('height, width', SIZES)
def test_geometry(height, width):
    """Each draw gives the image, mask and ignore map of the specification."""
    image, mask = picture(height, width)
    padded = 0
    for seed in range(40):
        got, results = run(GEOMETRY, image, seed, gt_seg_map=mask, seg_fields=['gt_seg_map'])
        wanted, labels = spec_geometry(image, mask, 255, np.random.RandomState(seed))
        np.testing.assert_array_equal(got, wanted)
        np.testing.assert_array_equal(results['gt_seg_map'], labels)

        got, results = run([dict(type='LoadValidMask'), *GEOMETRY], image, seed)
        wanted, labels = spec_geometry(image, mask, 254, np.random.RandomState(seed))
        np.testing.assert_array_equal(got, wanted)
        ignored = np.where(labels == 254, 255, 0)  # padding alone; void is not ignored
        np.testing.assert_array_equal(results['gt_seg_map'], ignored)
        assert (ignored == 0).sum() > 0 and not (labels[ignored == 255] == 255).any()
        padded += ignored.any()
    assert 0 < padded < 40


def test_the_long_side_is_uniform_over_integers():
    transform = TRANSFORMS.build(dict(type='RandomLongSide'))
    np.random.seed(0)
    image = np.zeros((9, 4, 3), np.uint8)
    shapes = [transform(dict(img=image))['img'].shape for _ in range(15 * 400)]
    counts = np.bincount([shape[0] for shape in shapes])
    assert counts[:4].sum() == 0 and len(counts) == 19  # int(4.5) to int(18.0)
    assert abs(counts[4:] - 400).max() < 5 * 400**0.5
    assert {shape[0]: shape[1] for shape in shapes}[9] == 4


def test_a_short_side_is_rounded_half_up():
    transform = TRANSFORMS.build(dict(type='RandomLongSide', ratio_range=(0.5, 0.5)))
    assert transform(dict(img=np.zeros((20, 13, 3), np.uint8)))['img'].shape == (10, 7, 3)
    assert transform(dict(img=np.zeros((5, 20, 3), np.uint8)))['img'].shape == (3, 10, 3)
    for unfit in ((0, 1), (2.0, 0.5)):
        with pytest.raises(UserError, match='RandomLongSide: ratio_range=.* must be a positive'):
            TRANSFORMS.build(dict(type='RandomLongSide', ratio_range=unfit))


def test_normalisation():
    """mmseg's, on 0..255, is torchvision's on 0..1."""
    levels = np.stack([np.arange(256, dtype=np.uint8)] * 3, axis=-1)[None]
    preprocessor = MODELS.build(
        dict(
            type='SegDataPreProcessor',
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            bgr_to_rgb=True,
            size_divisor=1,
        )
    )
    bgr = torch.from_numpy(levels[..., ::-1].copy()).permute(2, 0, 1)
    got = preprocessor(dict(inputs=[bgr], data_samples=[SegDataSample()]))['inputs'][0]
    wanted = normalize(to_tensor(levels), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    assert (got - wanted).abs().max() < 1e-6


def spec_strong(image):
    image = Image.fromarray(image)
    if random.random() < 0.8:
        image = ColorJitter(0.5, 0.5, 0.5, 0.25)(image)
    image = RandomGrayscale(p=0.2)(image)
    if random.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(radius=np.random.uniform(0.1, 2.0)))
    return np.array(image)


def test_strong_view():
    image, _ = picture(24, 30)
    for seed in range(60):
        random.seed(seed)
        torch.manual_seed(seed)
        got, _ = run([dict(type='StrongAugment')], image, seed)
        random.seed(seed)
        torch.manual_seed(seed)
        np.random.seed(seed)
        np.testing.assert_array_equal(got, spec_strong(image))
