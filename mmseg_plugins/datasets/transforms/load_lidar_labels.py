from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from ..lidar.read_scan import read_labels
from ..lidar.scan_format import FORMATS


@TRANSFORMS.register_module()
class LoadLidarLabels(BaseTransform):
    """Read the labels of a scan and map them to classes.

    Required keys: ``points``, ``img_path``, ``seg_map_path``, ``scan_format``. Added key:
    ``point_labels``, uint8 (N,), 255 where ignored.
    """

    def transform(self, results: dict) -> dict:
        """Read the labels.

        Args:
            results (dict): As :class:`LoadLidarPoints` leaves it.

        Returns:
            dict: With ``point_labels``.

        Raises:
            BrokenScanError: See :func:`read_labels`.
        """
        form = FORMATS[results['scan_format']]
        num, path = len(results['points']), results['seg_map_path']
        results['point_labels'] = read_labels(path, num, form, results['img_path'])
        return results
