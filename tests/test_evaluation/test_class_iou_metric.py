"""The metric against the reference's, and where mmseg's differs."""

import math

import numpy as np
import pytest
import torch
from mmseg.registry import METRICS

from mmseg_plugins.errors import UserError


def build(num_classes=3, **kwargs):
    metric = METRICS.build(dict(type='ClassIoUMetric', iou_metrics=['mIoU'], **kwargs))
    metric.dataset_meta = dict(classes=tuple(f'c{i}' for i in range(num_classes)))
    return metric


def process(metric, pred, label):
    for one, true in zip(pred, label, strict=True):
        sample = dict(pred_sem_seg=dict(data=one[None]), gt_sem_seg=dict(data=true[None]))
        metric.process({}, [sample])


@pytest.mark.parametrize('absent', ['skip', 'zero'])
def test_golden(golden, absent):
    data = golden('corrmatch/eval_subset')
    pred, label = (torch.from_numpy(data[f'conf.{key}']).long() for key in ('pred', 'target'))
    metric = build(21, absent=absent)
    process(metric, pred, label)
    areas = [torch.stack(column).numpy() for column in zip(*metric.results, strict=True)]
    np.testing.assert_array_equal(areas[0], data['conf.intersection'])
    np.testing.assert_array_equal(areas[1], data['conf.union'])
    np.testing.assert_array_equal(areas[3], data['conf.area_target'])

    iou, expected = metric.class_iou(metric.results), 100 * data['conf.iou']
    present = np.arange(21) != 7
    np.testing.assert_allclose(iou[present], expected[present], rtol=1e-12, atol=0)
    assert expected[7] == 0 and (iou[7] == 0 if absent == 'zero' else math.isnan(iou[7]))
    scores = metric.evaluate(len(pred))
    if absent == 'zero':
        assert iou.mean() == pytest.approx(float(data['conf.miou']), rel=1e-12)
        assert scores['mIoU'] == round(float(data['conf.miou']), 2)
    else:  # one class fewer in the mean
        assert np.nanmean(iou) == pytest.approx(float(data['conf.miou']) * 21 / 20, rel=1e-12)
        assert scores['mIoU'] == round(float(data['conf.miou']) * 21 / 20, 2)


def test_classes_beside_the_mean():
    pred = torch.tensor([[[0, 0, 1, 1]]])
    label = torch.tensor([[[0, 1, 1, 255]]])
    for option, third, mean in (
        ({}, math.nan, 50),
        (dict(absent='zero'), 0, 33.33),
        (dict(nan_to_num=1), 100, 66.67),  # mmseg's own option: a share
    ):
        metric = build(**option)
        process(metric, pred, label)
        scores = metric.evaluate(1)
        assert scores['IoU.c0'] == scores['IoU.c1'] == 50
        assert scores['IoU.c2'] == pytest.approx(third, nan_ok=True)
        assert scores['mIoU'] == mean  # rounded to two digits


def test_predicted_but_never_labelled_counts_as_zero_in_both():
    for absent in ('skip', 'zero'):
        metric = build(2, absent=absent)
        process(metric, torch.tensor([[[0, 1]]]), torch.tensor([[[0, 0]]]))
        assert metric.evaluate(1)['mIoU'] == 25


def test_large_areas_are_summed_exactly():
    """float32 loses single pixels from 2^24 on; Cityscapes has 3e8 of road."""
    metric = build(1)
    metric.results = [[torch.tensor([float(area)])] * 4 for area in (2**24, 1, 1, 1)]
    metric.results[-1] = [torch.tensor([0.0]), *[torch.tensor([1.0])] * 3]
    assert metric.class_iou(metric.results)[0] == 100 * (2**24 + 2) / (2**24 + 3)


def test_unfit_options():
    with pytest.raises(UserError, match="unknown absent='none'; use 'skip' or 'zero'"):
        build(absent='none')
    with pytest.raises(UserError, match="absent='zero' contradicts nan_to_num=-1"):
        build(absent='zero', nan_to_num=-1)
