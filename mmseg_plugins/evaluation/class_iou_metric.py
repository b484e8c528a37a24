import numpy as np
from mmseg.evaluation import IoUMetric
from mmseg.registry import METRICS


@METRICS.register_module()
class ClassIoUMetric(IoUMetric):
    """mmseg's ``IoUMetric`` that also returns the IoU of every class.

    mmseg prints the classes and returns their mean only; run records need them. The keys are
    ``IoU.<class>``, in percent; a class that occurs neither in the predictions nor in the ground
    truth is NaN and is left out of the mean, as in mmseg.
    """

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the metrics.

        Args:
            results (list): Per image: intersection, union, predicted and labelled areas, each (C,).

        Returns:
            dict[str, float]: ``aAcc``, ``mIoU``, ``mAcc`` and ``IoU.<class>``, in percent.
        """
        metrics = super().compute_metrics(results)
        if self.format_only:
            return metrics
        intersection, union = (sum(areas).numpy() for areas in list(zip(*results, strict=True))[:2])
        with np.errstate(invalid='ignore'):
            iou = np.round(100 * intersection / union, 2)
        names = self.dataset_meta['classes']
        return {
            **metrics,
            **{f'IoU.{name}': float(value) for name, value in zip(names, iou, strict=True)},
        }
