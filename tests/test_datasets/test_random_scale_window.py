"""Windows and soft valid maps of French et al., from image to normalised batch."""

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmseg.registry import MODELS, TRANSFORMS

from mmseg_plugins.errors import UserError

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
SCALES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5)
PREPROCESSOR = dict(
    type='MultiBranchDataPreprocessor',
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=MEAN, std=STD, bgr_to_rgb=True, size_divisor=1
    ),
)


def window(size=(321, 321), **kwargs):
    return dict(type='RandomScaleWindow', crop_size=size, **kwargs)


def sample(height, width, labels=True):
    rng = np.random.default_rng(0)
    results = dict(img=rng.integers(0, 256, (height, width, 3), np.uint8))
    results['img_shape'] = (height, width)
    if labels:
        results['gt_seg_map'] = rng.integers(0, 3, (height, width), np.uint8)
        results['seg_fields'] = ['gt_seg_map']
    return results


def test_sizes_of_the_windows(monkeypatch):
    """A window over a larger image, at scale s: its content tells its size."""
    sizes = []
    monkeypatch.setattr(
        'mmcv.imresize', lambda field, size, interpolation: sizes.append(field.shape[:2]) or field
    )
    for scale in SCALES:
        Compose([window(scales=[scale])])(sample(700, 700, labels=False))
    expected = [642, 535, 459, 401, 357, 321, 292, 268, 247, 229, 214]
    assert sizes[::2] == [(size, size) for size in expected]


@pytest.mark.parametrize(
    'shape, share, padded',
    [((375, 500), 0.904, 0.345), ((333, 500), 0.869, 0.432), ((500, 500), 0.950, 0.178)],
)
def test_share_of_padding(shape, share, padded):
    """The specification's means over 600 draws, against the exact ones over the scales."""
    maps = [
        Compose([window(scales=[scale])])(sample(*shape, labels=False))['valid_map']
        for scale in SCALES
    ]
    shares = [valid.mean() for valid in maps]
    assert np.mean(shares) == pytest.approx(share, abs=3 * float(np.std(shares)) / 600**0.5)
    some = np.mean([valid.min() < 1 for valid in maps])
    assert some == pytest.approx(padded, abs=3 * (some * (1 - some) / 600) ** 0.5)


def test_every_scale_is_drawn():
    np.random.seed(0)
    transform = TRANSFORMS.build(window((16, 16)))
    shares = [transform(sample(16, 16, labels=False))['valid_map'].mean() for _ in range(400)]
    assert len({round(float(share), 3) for share in shares}) == 6  # five scales pad, six do not
    assert np.mean(np.array(shares) < 1) == pytest.approx(5 / 11, abs=0.1)


def test_padding_is_symmetric_and_its_border_soft():
    results = TRANSFORMS.build(window((8, 8), scales=[0.6]))(sample(8, 8))  # window of 13
    assert results['img'].dtype == np.uint8 and results['valid_map'].dtype == np.float32
    assert results['seg_fields'] == ['gt_seg_map', 'valid_map']
    valid = results['valid_map']
    # 2 pixels before, 3 after, in steps of 1.625: soft where a sample lies between two pixels
    assert valid[4].tolist() == pytest.approx([0, 0.9375, 1, 1, 1, 1, 0, 0], abs=1e-3)
    np.testing.assert_allclose(valid, np.outer(valid[4], valid[4]), atol=1e-3)
    label = results['gt_seg_map']
    assert label.dtype == np.uint8
    # OpenCV's nearest pixel is the one at or before the sample
    nearest = np.arange(8) * 13 // 8
    padded = np.pad(sample(8, 8)['gt_seg_map'], (2, 3), constant_values=255)
    np.testing.assert_array_equal(label, padded[np.ix_(nearest, nearest)])
    assert not results['img'][valid == 0].any()


def test_the_window_moves_image_label_and_map_together():
    np.random.seed(0)
    results = sample(40, 30)
    results['img'][..., 0] = results['gt_seg_map']
    rows, columns = np.mgrid[:40, :30].astype(np.uint8)
    results['img'][..., 1], results['img'][..., 2] = rows, columns
    transform = Compose([window((16, 12), scales=(1.0,)), dict(type='RandomFlip', prob=1.0)])
    corners = set()
    for _ in range(300):
        cropped = transform({**results, 'seg_fields': ['gt_seg_map']})
        image = cropped['img']
        assert image.shape == (16, 12, 3) and cropped['img_shape'] == (16, 12)
        np.testing.assert_array_equal(image[..., 0], cropped['gt_seg_map'])
        corners.add((int(image[0, 0, 1]), int(image[0, -1, 2])))
        assert (cropped['valid_map'] == 1).all()
    top, left = zip(*corners, strict=True)
    assert (min(top), max(top), min(left), max(left)) == (0, 24, 0, 18)


def test_first_and_last_position_have_half_the_weight():
    np.random.seed(0)
    transform = TRANSFORMS.build(window((8, 8), scales=(1.0,)))
    image = np.arange(10, dtype=np.uint8)[:, None, None].repeat(8, 1).repeat(3, 2)
    tops = [transform(dict(img=image))['img'][0, 0, 0] for _ in range(2000)]
    np.testing.assert_allclose(np.bincount(tops) / 2000, [0.25, 0.5, 0.25], atol=0.05)


def views(size, **results):
    """Weak and strong views of a crop through packing and normalisation: inputs, valid maps."""
    jitter = dict(type='StrongAugment', jitter_prob=0, gray_prob=1, blur_prob=0)
    pack = dict(type='PackValidInputs')
    pipeline = Compose(
        [
            dict(type='LoadValidMask'),
            window(size, **results),
            dict(type='RandomFlip', prob=1.0),
            dict(
                type='MultiBranch',
                branch_field=['weak', 'strong'],
                weak=[pack],
                strong=[jitter, pack],
            ),
        ]
    )
    packed = pipeline(sample(40, 30, labels=False))
    data = {
        key: {view: [value] for view, value in packed[key].items()}
        for key in ('inputs', 'data_samples')
    }
    return packed, MODELS.build(PREPROCESSOR)(data, training=True)


@pytest.mark.parametrize('scale', [0.5, 0.7])
def test_padding_is_exactly_zero_after_normalisation(scale):
    np.random.seed(0)
    _, batch = views((32, 32), scales=[scale])
    for view in ('weak', 'strong'):
        sample = batch['data_samples'][view][0]
        valid, image = sample.valid.data, batch['inputs'][view][0]
        assert valid.shape == (1, 32, 32) and valid.dtype == torch.float32
        assert (valid == 0).any() and (image[:, valid[0] == 0] == 0).all()


def test_borders_are_blended_with_the_mean_colour():
    """A white image: at a pixel of share a, a times what white normalises to (images are uint8)."""
    pipeline = Compose([window((8, 8), scales=[0.6]), dict(type='PackValidInputs')])
    packed = pipeline(dict(img=np.full((8, 8, 3), 255, np.uint8)))
    data = {key: dict(weak=[value]) for key, value in packed.items()}
    batch = MODELS.build(PREPROCESSOR)(data, training=True)
    share = packed['data_samples'].valid.data
    assert 0 < share[0, 4, 1] < 1
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    expected = share * (255 - mean) / std
    torch.testing.assert_close(batch['inputs']['weak'][0], expected, rtol=0, atol=0.51 / 57)


def test_pixels_without_padding_stay_as_they_are():
    np.random.seed(0)
    packed, _ = views((16, 16), scales=(1.0,))
    assert packed['inputs']['weak'].dtype == torch.uint8
    assert (packed['data_samples']['weak'].valid.data == 1).all()
    plain = sample(16, 16)
    ours, theirs = (
        TRANSFORMS.build(dict(type=f'Pack{kind}Inputs'))(plain) for kind in ('Valid', 'Seg')
    )
    assert torch.equal(ours['inputs'], theirs['inputs']) and 'valid' not in ours['data_samples']


def test_strong_colour_is_the_student_s_alone():
    """Same crop, same map; greyscale reaches the strong view only, also beside padding."""
    np.random.seed(0)
    packed, _ = views((32, 32), scales=[0.7])
    weak, strong = (packed['inputs'][view] for view in ('weak', 'strong'))
    valid = [packed['data_samples'][view].valid.data for view in ('weak', 'strong')]
    assert torch.equal(*valid)
    inside = valid[0][0] == 1
    gray = strong[:, inside]
    assert (gray[0] == gray[1]).all() and not (weak[0, inside] == weak[1, inside]).all()
    luma = torch.tensor([0.114, 0.587, 0.299]) @ weak[:, inside]
    torch.testing.assert_close(gray[0], luma, rtol=0, atol=1.01)


def test_unfit_scales():
    for scales in ((), (0.5, 0)):
        with pytest.raises(UserError, match='RandomScaleWindow: scales=.* must be positive'):
            TRANSFORMS.build(window(scales=scales))
