"""IoU of pixels and points against brute force, and the votes by hand."""

import numpy as np
import pytest
import torch
from mmseg.registry import METRICS

from mmseg_plugins.errors import UserError
from mmseg_plugins.ops.point_labels import knn_labels, nearest_labels

META = dict(classes=tuple('abcd'), palette=[[0, 0, 0]] * 4)
SIZE = (6, 20)


def scans(num=3, seed=0):
    """Random scans: points, of which some share a pixel; the pixel shows the nearest."""
    rng = np.random.default_rng(seed)
    samples = []
    for _ in range(num):
        pixels = rng.integers(0, SIZE[0] * SIZE[1], 90)
        ranges = rng.uniform(1, 40, 90).astype(np.float32)
        labels = rng.choice([0, 1, 2, 255], 90).astype(np.uint8)  # class 3 is never labelled
        seg = np.full(SIZE[0] * SIZE[1], 255)
        for point in np.argsort(-ranges):
            seg[pixels[point]] = labels[point]
        samples.append(
            dict(
                img_path='scan',
                pred_sem_seg=dict(data=torch.from_numpy(rng.integers(0, 3, (1, *SIZE)))),
                gt_sem_seg=dict(data=torch.from_numpy(seg.reshape(1, *SIZE))),
                point_pixels=pixels,
                point_ranges=ranges,
                point_labels=labels,
            )
        )
    return samples


def score(samples, **kwargs):
    metric = METRICS.build(dict(iou_metrics=['mIoU'], **kwargs))
    metric.dataset_meta = META
    metric.process({}, samples)
    return metric.evaluate(len(samples))


def brute(pairs, absent):
    """mIoU in percent of one confusion matrix over all (prediction, label) pairs."""
    matrix = np.zeros((4, 4), int)
    for prediction, label in pairs:
        for p, t in zip(prediction.ravel(), label.ravel(), strict=True):
            if t != 255:
                matrix[t, p] += 1
    union = matrix.sum(0) + matrix.sum(1) - matrix.diagonal()
    iou = [matrix[c, c] / union[c] if union[c] else absent for c in range(4)]
    return 100 * np.nanmean(iou)


@pytest.mark.parametrize(('rule', 'absent'), [('zero', 0), ('skip', np.nan)])
def test_pixels_and_points_equal_a_confusion_matrix(rule, absent):
    samples = scans()
    images = [(s['pred_sem_seg']['data'].numpy(), s['gt_sem_seg']['data'].numpy()) for s in samples]
    found = score(samples, type='ClassIoUMetric', absent=rule)['mIoU']
    assert found == pytest.approx(brute(images, absent), abs=0.006)
    points = [
        (p.ravel()[s['point_pixels']], s['point_labels'])
        for (p, _), s in zip(images, samples, strict=True)
    ]
    found = score(samples, type='PointIoUMetric', absent=rule)['point/mIoU']
    assert found == pytest.approx(brute(points, absent), abs=0.006)
    assert brute(points, absent) != pytest.approx(brute(images, absent), abs=0.1)


def test_one_point_a_pixel_is_the_pixel_metric():
    """Check 8: with the identity projection every vote of one pixel is a gather."""
    samples = scans()
    for sample in samples:
        sample['point_pixels'] = np.arange(SIZE[0] * SIZE[1])
        sample['point_ranges'] = np.random.RandomState(0).uniform(1, 40, 120).astype(np.float32)
        sample['point_labels'] = sample['gt_sem_seg']['data'].numpy().ravel().astype(np.uint8)
    pixel = score(samples, type='ClassIoUMetric', absent='zero')
    for options in (
        dict(),
        dict(vote='knn', k=1),
        dict(vote='knn', window=1, k=1),
        dict(vote='nla'),
    ):
        point = score(samples, type='PointIoUMetric', absent='zero', **options)
        assert point == {f'point/{key}': value for key, value in pixel.items()}


def naive_knn(prediction, pixels, ranges, k, window, sigma, cutoff):
    height, width = prediction.shape
    shown = np.full(height * width, np.inf)
    np.minimum.at(shown, pixels, ranges)
    reach = window // 2
    places = [(y, x) for y in range(-reach, reach + 1) for x in range(-reach, reach + 1)]
    kernel = np.exp([-(y * y + x * x) / (2 * sigma**2) for y, x in places])
    kernel /= kernel.sum()
    found = []
    for pixel, own in zip(pixels, ranges, strict=True):
        near = []
        for (y, x), weight in zip(places, 1 - kernel, strict=True):
            row, column = pixel // width + y, pixel % width + x
            if not (0 <= row < height and 0 <= column < width):
                continue
            distance = 0 if (y, x) == (0, 0) else abs(shown[row * width + column] - own)
            near.append((distance * weight, prediction[row, column]))
        near = [c for distance, c in sorted(near, key=lambda n: n[0])[:k] if distance <= cutoff]
        found.append(np.bincount(near, minlength=4).argmax())
    return np.array(found)


def test_knn_vote_equals_a_loop():
    (sample,) = scans(1, seed=3)
    prediction = sample['pred_sem_seg']['data'][0]
    pixels, ranges = (torch.as_tensor(sample[f'point_{key}']) for key in ('pixels', 'ranges'))
    ranges = ranges / 8  # more neighbours within the cutoff
    options = dict(k=5, window=5, sigma=1.0, cutoff=1.0)
    found = knn_labels(prediction, pixels, ranges, 4, **options)
    naive = naive_knn(prediction.numpy(), pixels.numpy(), ranges.numpy(), **options)
    assert np.array_equal(found.numpy(), naive)
    assert (found != prediction.flatten()[pixels]).any()


def test_nearest_label():
    """Of two points in a pixel the hidden one takes the neighbour at its own range."""
    prediction = torch.tensor([[0, 1, 2]])
    pixels, ranges = torch.tensor([0, 1, 1, 2]), torch.tensor([9.0, 3.0, 8.0, 5.0])
    assert nearest_labels(prediction, pixels, ranges).tolist() == [0, 1, 0, 2]
    # what is shown keeps its class beside pixels of the very same range
    pixels, ranges = torch.tensor([0, 1, 2]), torch.tensor([7.0, 7.0, 7.0])
    assert nearest_labels(prediction, pixels, ranges).tolist() == [0, 1, 2]


def test_the_vote_is_that_of_rangenet():
    metric = METRICS.build(dict(type='PointIoUMetric'))
    assert metric.vote == 'none', 'published numbers have none'
    assert metric.knn == dict(k=5, window=5, sigma=1.0, cutoff=1.0)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(vote='all'), "unknown vote='all'"),
        (dict(window=4), 'use an odd window'),
        (dict(k=26), 'k up to its area'),
    ],
)
def test_mistakes(options, message):
    with pytest.raises(UserError, match=message):
        METRICS.build(dict(type='PointIoUMetric', **options))


def test_points_that_were_not_packed():
    (sample,) = scans(1)
    del sample['point_ranges']
    score([sample], type='PointIoUMetric')
    with pytest.raises(UserError, match='scan has no point_ranges; add it to the meta_keys'):
        score([sample], type='PointIoUMetric', vote='knn')
