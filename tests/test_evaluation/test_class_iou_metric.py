import math

import torch
from mmseg.registry import METRICS


def test_classes_beside_the_mean():
    metric = METRICS.build(dict(type='ClassIoUMetric', iou_metrics=['mIoU']))
    metric.dataset_meta = dict(classes=('sky', 'road', 'car'))
    pred = torch.tensor([[0, 0, 1, 1]])
    label = torch.tensor([[0, 1, 1, 255]])
    metric.process({}, [dict(pred_sem_seg=dict(data=pred), gt_sem_seg=dict(data=label))])
    scores = metric.evaluate(1)
    assert scores['IoU.sky'] == 50 and scores['IoU.road'] == 50
    assert math.isnan(scores['IoU.car'])  # in neither; left out of the mean
    assert scores['mIoU'] == 50
