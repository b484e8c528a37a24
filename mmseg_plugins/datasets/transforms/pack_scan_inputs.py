from collections.abc import Sequence

from mmseg.datasets.transforms import PackSegInputs
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PackScanInputs(PackSegInputs):
    """mmseg's ``PackSegInputs`` for scans to score: what :class:`PointIoUMetric` needs rides along.

    Args:
        meta_keys (Sequence[str]): What becomes meta information where it is there. Defaults to
            paths, shapes and the points' labels, pixels and ranges.
    """

    def __init__(
        self,
        meta_keys: Sequence[str] = (
            'img_path',
            'seg_map_path',
            'ori_shape',
            'img_shape',
            'reduce_zero_label',
            'point_labels',
            'point_pixels',
            'point_ranges',
        ),
    ) -> None:
        super().__init__(meta_keys)
