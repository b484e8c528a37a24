from collections.abc import Sequence

import torch
from mmseg.registry import METRICS

from mmseg_plugins.errors import UserError
from mmseg_plugins.ops.point_labels import gather_labels, knn_labels, nearest_labels

from .class_iou_metric import ClassIoUMetric

NEEDS = dict(none=('point_pixels', 'point_labels'))
NEEDS['knn'] = NEEDS['nla'] = (*NEEDS['none'], 'point_ranges')


@METRICS.register_module()
class PointIoUMetric(ClassIoUMetric):
    """IoU over the points of scans, from predictions on range images.

    Published range-view numbers are over *pixels* (:class:`ClassIoUMetric`); this one, the proper
    benchmark's, counts every projected point, also those that a nearer one hides. Its keys begin
    with ``point/``. Points removed before the projection (nuScenes: below 0.9 m) do not count.

    Source: specification (range view) 5.

    Args:
        vote (str): How a point gets its class: ``'none'`` (its pixel's), ``'knn'`` (RangeNet++'s
            vote) or ``'nla'`` (FIDNet's nearest label). Defaults to ``'none'``.
        k (int): Pixels that vote, of ``'knn'``. Defaults to 5.
        window (int): Side of the window in pixels, odd. Defaults to 5.
        sigma (float): Of the Gaussian of ``'knn'``, in pixels. Defaults to 1.0.
        cutoff (float): Largest distance of ``'knn'``, in metres. Defaults to 1.0.
        **kwargs: See :class:`ClassIoUMetric`.

    Raises:
        UserError: If an option is out of range.
    """

    default_prefix = 'point'

    def __init__(
        self,
        vote: str = 'none',
        k: int = 5,
        window: int = 5,
        sigma: float = 1.0,
        cutoff: float = 1.0,
        **kwargs,
    ) -> None:
        if vote not in NEEDS:
            raise UserError(f'PointIoUMetric: unknown vote={vote!r}; use one of {list(NEEDS)}')
        if window < 1 or window % 2 == 0 or not 1 <= k <= window**2 or sigma <= 0:
            raise UserError(
                f'PointIoUMetric: k={k}, window={window}, sigma={sigma}; use an odd window, k up '
                'to its area, and a sigma above 0'
            )
        super().__init__(**kwargs)
        self.vote = vote
        self.knn = dict(k=k, window=window, sigma=sigma, cutoff=cutoff)

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count the points of a batch.

        Args:
            data_batch (dict): Unused.
            data_samples (Sequence[dict]): With ``pred_sem_seg`` (1, H, W) and, as meta, numpy
                arrays (P,): ``point_pixels``, ``point_labels``, and for a vote ``point_ranges``.

        Raises:
            UserError: If a sample lacks one of these.
        """
        num_classes = len(self.dataset_meta['classes'])
        for sample in data_samples:
            missing = [key for key in NEEDS[self.vote] if key not in sample]
            if missing:
                raise UserError(
                    f'PointIoUMetric: {sample.get("img_path")} has no {missing[0]}; add it to the '
                    'meta_keys of the transform that packs the validation scans'
                )
            label, points = (torch.as_tensor(sample[key]) for key in NEEDS['none'][::-1])
            prediction = sample['pred_sem_seg']['data'].squeeze(0).cpu()
            if self.vote == 'none':
                found = gather_labels(prediction, points)
            else:
                ranges = torch.as_tensor(sample['point_ranges'])
                if self.vote == 'knn':
                    found = knn_labels(prediction, points, ranges, num_classes, **self.knn)
                else:
                    found = nearest_labels(prediction, points, ranges, self.knn['window'])
            self.results.append(
                self.intersect_and_union(found, label.long(), num_classes, self.ignore_index)
            )
