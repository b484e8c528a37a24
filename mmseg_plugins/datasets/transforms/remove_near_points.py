import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmseg_plugins.errors import UserError


@TRANSFORMS.register_module()
class RemoveNearPoints(BaseTransform):
    """Remove the points near the sensor: returns of the vehicle itself.

    It stands before :class:`AugmentPoints`, which would shift some of them out of the radius and
    other points into it; a pixel shows its nearest point, so what is left hides the street.

    Source: specification (range view) 1.4.

    Required key: ``points``. Modified keys: ``points`` and, where it is there, ``point_labels``.

    Args:
        min_radius (float): Points whose distance in the plane is less are removed, in metres.
            Defaults to 0.9, which nuScenes has.

    Raises:
        UserError: If the radius is not positive.
    """

    def __init__(self, min_radius: float = 0.9) -> None:
        if min_radius <= 0:
            raise UserError(f'RemoveNearPoints: min_radius={min_radius} must be above 0 metres')
        self.min_radius = min_radius

    def transform(self, results: dict) -> dict:
        """Remove the points.

        Args:
            results (dict): As :class:`LoadLidarPoints` and :class:`LoadLidarLabels` leave it.

        Returns:
            dict: With fewer ``points``.
        """
        points = results['points']
        kept = np.hypot(points[:, 0], points[:, 1]) >= self.min_radius
        results['points'] = points[kept]
        if 'point_labels' in results:
            results['point_labels'] = results['point_labels'][kept]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(min_radius={self.min_radius})'
