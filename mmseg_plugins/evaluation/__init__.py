from .class_iou_metric import ClassIoUMetric
from .point_iou_metric import PointIoUMetric

__all__ = ['ClassIoUMetric', 'PointIoUMetric']
