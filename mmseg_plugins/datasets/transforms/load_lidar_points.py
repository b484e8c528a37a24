from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from ..lidar.read_scan import read_points
from ..lidar.scan_format import FORMATS


@TRANSFORMS.register_module()
class LoadLidarPoints(BaseTransform):
    """Read a scan in the format of its data set.

    Required keys: ``img_path``, ``scan_format``. Added key: ``points``, float32 (N, 4) or, with
    rings, (N, 5): x, y, z in metres, intensity, ring.
    """

    def transform(self, results: dict) -> dict:
        """Read the points.

        Args:
            results (dict): A data info of a LiDAR data set.

        Returns:
            dict: With ``points``.

        Raises:
            BrokenScanError: See :func:`read_points`.
        """
        form = FORMATS[results['scan_format']]
        results['points'] = read_points(results['img_path'], form)
        return results
