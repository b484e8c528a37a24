import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmseg_plugins.errors import UserError


@TRANSFORMS.register_module()
class AugmentPoints(BaseTransform):
    """Drop, flip, scale, turn and shift the points of a scan, in this order; labels move along.

    Source: specification 3.4. The defaults are SemanticKITTI's, with the scale that the
    specification chooses; nuScenes has ``drop=0, scale=(1, 1.05), reciprocal=True,
    scale_axes='xyz', shift=0.2``.

    Required key: ``points``. Modified keys: ``points`` and, where it is there, ``point_labels``.

    Args:
        drop (float): Largest share of points to drop; the share is drawn uniformly. Defaults to
            0.1.
        flip (float): Probability of the flip of x, and of that of y. Defaults to 0.5.
        scale (tuple[float, float]): Range of the scale. Defaults to (0.95, 1.05).
        reciprocal (bool): With probability 0.5 take the reciprocal of the scale. Defaults to False.
        scale_axes (str): ``'xy'`` or ``'xyz'``. Defaults to ``'xy'``.
        turn (float): Largest angle of the turn about z in degrees, either way. Defaults to 180.
        shift (float): Standard deviation in metres of each component of the shift, which is clipped
            at three times as much. Defaults to 0.1.

    Raises:
        UserError: If an option is out of its range.
    """

    def __init__(
        self,
        drop: float = 0.1,
        flip: float = 0.5,
        scale: tuple[float, float] = (0.95, 1.05),
        reciprocal: bool = False,
        scale_axes: str = 'xy',
        turn: float = 180.0,
        shift: float = 0.1,
    ) -> None:
        if not 0 <= drop < 1 or not 0 <= flip <= 1:
            raise UserError(
                f'AugmentPoints: drop={drop} and flip={flip} must be shares, drop below 1'
            )
        if not 0 < scale[0] <= scale[1]:
            raise UserError(f'AugmentPoints: scale={scale} must be a positive range')
        if scale_axes not in ('xy', 'xyz'):
            raise UserError(f"AugmentPoints: scale_axes={scale_axes!r} is neither 'xy' nor 'xyz'")
        if turn < 0 or shift < 0:
            raise UserError(f'AugmentPoints: turn={turn} and shift={shift} must not be negative')
        self.drop = drop
        self.flip = flip
        self.scale = tuple(scale)
        self.reciprocal = reciprocal
        self.scale_axes = scale_axes
        self.turn = turn
        self.shift = shift

    def transform(self, results: dict) -> dict:
        """Move the points.

        Args:
            results (dict): As :class:`LoadLidarPoints` leaves it.

        Returns:
            dict: With other ``points``.
        """
        points = results['points'].copy()
        if self.drop:
            kept = np.random.random(len(points)) >= np.random.uniform(0, self.drop)
            if kept.any():
                points = points[kept]
                if 'point_labels' in results:
                    results['point_labels'] = results['point_labels'][kept]
        for axis in (0, 1):
            if np.random.random() < self.flip:
                points[:, axis] *= -1
        factor = np.random.uniform(*self.scale)
        if self.reciprocal and np.random.random() < 0.5:
            factor = 1 / factor
        points[:, : len(self.scale_axes)] *= np.float32(factor)
        points[:, :2] = turned(points[:, :2], np.radians(np.random.uniform(-self.turn, self.turn)))
        shift = np.random.normal(0, self.shift, 3).clip(-3 * self.shift, 3 * self.shift)
        points[:, :3] += shift.astype(np.float32)
        results['points'] = points
        return results

    def __repr__(self) -> str:
        options = ', '.join(f'{key}={value!r}' for key, value in vars(self).items())
        return f'{type(self).__name__}({options})'


def turned(xy: np.ndarray, angle: float) -> np.ndarray:
    """Turn points about z.

    Args:
        xy (np.ndarray): float32 (N, 2).
        angle (float): Counter-clockwise, in radians.

    Returns:
        np.ndarray: float32 (N, 2).
    """
    sin, cos = np.sin(angle), np.cos(angle)
    return xy @ np.array([[cos, sin], [-sin, cos]], dtype=np.float32)
