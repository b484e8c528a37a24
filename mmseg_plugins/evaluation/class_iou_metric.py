import numpy as np
from mmseg.evaluation import IoUMetric
from mmseg.registry import METRICS

from mmseg_plugins.errors import UserError


@METRICS.register_module()
class ClassIoUMetric(IoUMetric):
    """mmseg's ``IoUMetric`` that also returns the IoU of every class.

    mmseg prints the classes and returns their mean only; run records need them. The keys are
    ``IoU.<class>``. Percentages are rounded to two digits, as in mmseg.

    Where every class occurs, mmseg's mIoU is the papers'. What differs:

    ====================================  ==========================  =========================
    case                                  the papers' code            here
    ====================================  ==========================  =========================
    class neither labelled nor predicted  0, counted in the mean      ``absent``: ``'zero'`` or
                                                                      left out (``'skip'``)
    IoU                                   I / (U + 1e-10)             I / U
    label equal to the number of classes  counted as the last class   ``LoadIndexMask`` stops
    areas over images                     integers                    float64 (mmseg: float32,
                                                                      inexact from 2^24 pixels)
    images repeated to fill the ranks     counted again               cut off by mmengine
    ====================================  ==========================  =========================

    Source: CorrMatch, specification 4.

    Args:
        absent (str): What a class that occurs neither in the labels nor in the predictions is:
            ``'skip'`` (NaN, left out of the mean, as in mmseg) or ``'zero'`` (0, as in the papers'
            code; short for mmseg's ``nan_to_num=0``, which also sets the accuracy of unlabelled
            classes). Defaults to ``'skip'``.
        nan_to_num (float, optional): mmseg's own, a *share* (1 = 100 %) that replaces NaN in
            classes and means. Defaults to None.
        **kwargs: See mmseg's ``IoUMetric``.

    Raises:
        UserError: If ``absent`` is unknown or contradicts ``nan_to_num``.
    """

    def __init__(self, absent: str = 'skip', nan_to_num: float | None = None, **kwargs) -> None:
        if absent not in ('skip', 'zero'):
            raise UserError(f"ClassIoUMetric: unknown absent={absent!r}; use 'skip' or 'zero'")
        if absent == 'zero':
            if nan_to_num not in (None, 0):
                raise UserError(
                    f"ClassIoUMetric: absent='zero' contradicts nan_to_num={nan_to_num}; "
                    'leave one of them out'
                )
            nan_to_num = 0
        super().__init__(nan_to_num=nan_to_num, **kwargs)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the metrics.

        Args:
            results (list): Per image: intersection, union, predicted and labelled areas, each (C,).

        Returns:
            dict[str, float]: ``aAcc``, ``mIoU``, ``mAcc`` and ``IoU.<class>``, in percent.
        """
        results = [tuple(area.double() for area in areas) for areas in results]
        metrics = super().compute_metrics(results)
        if self.format_only:
            return metrics
        iou = np.round(self.class_iou(results), 2)
        names = self.dataset_meta['classes']
        return {
            **metrics,
            **{f'IoU.{name}': float(value) for name, value in zip(names, iou, strict=True)},
        }

    def class_iou(self, results: list) -> np.ndarray:
        """IoU of every class over all images, not rounded.

        Args:
            results (list): See :meth:`compute_metrics`.

        Returns:
            np.ndarray: Shape (C,), in percent.
        """
        areas = [sum(area.double() for area in column) for column in zip(*results, strict=True)]
        iou = self.total_area_to_metrics(*areas, ['mIoU'], self.nan_to_num)['IoU']
        return 100 * iou
