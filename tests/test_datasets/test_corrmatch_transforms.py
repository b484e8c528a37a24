"""CorrMatch's transforms against specification 3.1 and 3.2, written out in PIL and numpy."""

import random

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmseg.datasets.transforms import Resize
from mmseg.registry import MODELS, TRANSFORMS
from mmseg.structures import SegDataSample
from PIL import Image, ImageFilter, ImageOps
from torchvision.transforms import ColorJitter, RandomGrayscale
from torchvision.transforms.functional import normalize, to_tensor

from mmseg_plugins.datasets.transforms.random_long_side_crop import scaled_window
from mmseg_plugins.errors import UserError

CROP = 33
GEOMETRY = [
    dict(type='RandomLongSideCrop', crop_size=(CROP, CROP)),
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


@TRANSFORMS.register_module(force=True)
class PlainLongSide(Resize):
    """The whole image scaled, which ``Pad`` and ``RandomCrop`` follow."""

    def __init__(self):
        super().__init__(scale_factor=1.0, backend='pillow')

    def transform(self, results):
        long = max(results['img'].shape[:2])
        side = np.random.randint(int(0.5 * long), int(2.0 * long) + 1)
        sizes = results['img'].shape[1::-1]
        results['scale'] = tuple(max(int(size * side / long + 0.5), 1) for size in sizes)
        self._resize_img(results)
        self._resize_seg(results)
        return results


@pytest.mark.parametrize(
    ('height', 'width', 'crop', 'seeds'),
    [(375, 500, 321, 12), (500, 375, 321, 12), (100, 500, 513, 6), (500, 99, 65, 12)],
)
def test_a_crop_is_that_of_the_whole_scaled_image(height, width, crop, seeds):
    """Pixel for pixel, with the same random numbers, also of a decoder's reversed channels."""
    size = (crop, crop)
    plain = [
        dict(type='PlainLongSide'),
        dict(type='Pad', size=size, pad_val=dict(img=0, seg=255)),
        dict(type='RandomCrop', crop_size=size),
    ]
    image, mask = picture(height, width)
    for seed in range(seeds):
        found = []
        for pipeline in (plain, [dict(type='RandomLongSideCrop', crop_size=size)]):
            np.random.seed(seed)
            sample = dict(img=image[..., ::-1], img_shape=(height, width))
            sample.update(gt_seg_map=mask, seg_fields=['gt_seg_map'])
            found.append((Compose(pipeline)(sample), np.random.random()))
        (wanted, number), (got, same_number) = found
        assert number == same_number
        for key in ('img', 'gt_seg_map', 'img_shape'):
            np.testing.assert_array_equal(got[key], wanted[key])
        assert got['scale_factor'] == pytest.approx(wanted['scale_factor'])
        assert got['img'].flags.c_contiguous


def test_windows_of_many_shapes():
    """Also of images so narrow that Pillow scales their columns first."""
    rng = np.random.default_rng(0)
    for _ in range(1500):
        old = rng.integers(3, 90, 2).tolist()
        factor = rng.uniform(0.3, 3)
        new = [max(int(side * factor + 0.5), 1) for side in old]
        image = rng.integers(0, 256, (*old, 3), np.uint8)
        starts = [int(rng.integers(0, side)) for side in new]
        window = [
            slice(s, int(rng.integers(s + 1, n + 1))) for s, n in zip(starts, new, strict=True)
        ]
        whole = np.asarray(Image.fromarray(image).resize(new[::-1], Image.BILINEAR))
        got = scaled_window(image, tuple(new), *window)
        np.testing.assert_array_equal(got, whole[tuple(window)], str((old, new)))


def sides(size, seeds=400, **kwargs):
    """Width and height to which an image of this size is scaled."""
    transform = TRANSFORMS.build(dict(type='RandomLongSideCrop', crop_size=(1, 1), **kwargs))
    image = np.zeros((*size, 3), np.uint8)
    factors = [transform(dict(img=image))['scale_factor'] for _ in range(seeds)]
    return [(round(size[1] * x), round(size[0] * y)) for x, y in factors]


def test_the_long_side_is_uniform_over_integers():
    np.random.seed(0)
    found = sides((9, 4), seeds=15 * 400)
    counts = np.bincount([height for _, height in found])
    assert counts[:4].sum() == 0 and len(counts) == 19  # int(4.5) to int(18.0)
    assert abs(counts[4:] - 400).max() < 5 * 400**0.5
    assert {height: width for width, height in found}[9] == 4


def test_a_short_side_is_rounded_half_up():
    assert sides((20, 13), 1, ratio_range=(0.5, 0.5)) == [(7, 10)]
    assert sides((5, 20), 1, ratio_range=(0.5, 0.5)) == [(10, 3)]
    for unfit in ((0, 1), (2.0, 0.5)):
        with pytest.raises(
            UserError, match='RandomLongSideCrop: ratio_range=.* must be a positive'
        ):
            sides((5, 20), ratio_range=unfit)


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


def test_decoders_read_the_same_png(tmp_path):
    """Cityscapes is decoded by OpenCV, in less time than by Pillow as the reference does."""
    image, _ = picture(37, 61)
    Image.fromarray(image).save(tmp_path / 'image.png')
    load = TRANSFORMS.build(dict(type='LoadImageFromFile'))
    got = load(dict(img_path=str(tmp_path / 'image.png')))['img']
    np.testing.assert_array_equal(got[..., ::-1], image)
