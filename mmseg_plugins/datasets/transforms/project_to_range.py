import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmseg_plugins.errors import UserError

from ..lidar.label_table import IGNORE
from ..lidar.projection import nearest_points, ring_pixels, spherical_pixels


@TRANSFORMS.register_module()
class ProjectToRange(BaseTransform):
    """Project a scan to a range image with six channels.

    Channels: x, y, z, intensity, distance, occupied (1 or 0); a pixel without a point is -1 in the
    first five. Each channel is then divided by its ``scale``. Of the points in a pixel the nearest
    is shown, and its label.

    Source: specification 1.4. The defaults are SemanticKITTI's; nuScenes has ``mode='ring',
    size=(32, 1920), scale=(1, 1, 1, 1, 1, 1)``.

    Required key: ``points``; ``point_labels`` is optional. Added keys:

    - ``img`` (float32 (H, W, 6)), ``img_shape``, ``ori_shape``;
    - ``valid_map`` (float32 (H, W)): 1 where a pixel is occupied;
    - ``gt_seg_map`` (uint8 (H, W)) where there are labels: 255 where ignored or not occupied;
    - ``point_pixels`` (int64 (N,)): row * W + column of every point that was projected;
    - ``point_ranges`` (float32 (N,)): their distance in metres.

    ``points`` is not needed any more and removed.

    Args:
        mode (str): ``'spherical'``: rows by angle, distance in 3-D; ``'ring'``: rows by ring,
            distance in the plane. Defaults to ``'spherical'``.
        size (tuple[int, int]): Height and width. Defaults to (64, 2048).
        fov (tuple[float, float]): Upper and lower end of the view in degrees, of ``'spherical'``.
            Defaults to (3, -25).
        scale (tuple[float, ...]): Divisor of each channel. Defaults to (50, 50, 3, 1, 80, 1).

    Raises:
        UserError: If an option is not one of those, or the points have no ring to go by.
    """

    def __init__(
        self,
        mode: str = 'spherical',
        size: tuple[int, int] = (64, 2048),
        fov: tuple[float, float] = (3.0, -25.0),
        scale: tuple[float, ...] = (50.0, 50.0, 3.0, 1.0, 80.0, 1.0),
    ) -> None:
        if mode not in ('spherical', 'ring'):
            raise UserError(f"ProjectToRange: mode={mode!r} is neither 'spherical' nor 'ring'")
        if len(scale) != 6 or min(scale) <= 0:
            raise UserError(f'ProjectToRange: scale={scale} must be six positive numbers')
        if fov[0] <= fov[1]:
            raise UserError(f'ProjectToRange: fov={fov} must be the upper end, then the lower')
        self.mode = mode
        self.size = tuple(size)
        self.fov = tuple(fov)
        self.scale = np.array(scale, dtype=np.float32)

    def transform(self, results: dict) -> dict:
        """Project the points.

        Args:
            results (dict): With ``points``.

        Returns:
            dict: With the image, and the map where there are labels.
        """
        points, labels = results.pop('points'), results.get('point_labels')
        height, width = self.size
        planar = np.hypot(points[:, 0], points[:, 1])
        if self.mode == 'ring':
            if points.shape[1] < 5:
                raise UserError(
                    "ProjectToRange: mode='ring', but the points have no ring "
                    f"({points.shape[1]} values each); use mode='spherical'"
                )
            distance = planar
            pixels = ring_pixels(points, height, width)
        else:
            distance = np.hypot(planar, points[:, 2])
            pixels = spherical_pixels(points, distance, height, width, self.fov)

        shown = nearest_points(pixels, distance, height * width)
        occupied = shown >= 0
        shown = shown[occupied]
        image = np.full((height * width, 6), -1, dtype=np.float32)
        image[occupied, :4] = points[shown, :4]
        image[occupied, 4] = distance[shown]
        image[:, 5] = occupied
        image /= self.scale

        results['img'] = image.reshape(height, width, 6)
        results['img_shape'] = results['ori_shape'] = (height, width)
        results['valid_map'] = occupied.astype(np.float32).reshape(height, width)
        results['seg_fields'] = ['valid_map']
        results['point_pixels'] = pixels
        results['point_ranges'] = distance
        if labels is not None:
            seg = np.full(height * width, IGNORE, dtype=np.uint8)
            seg[occupied] = labels[shown]
            results['gt_seg_map'] = seg.reshape(height, width)
            results['seg_fields'].append('gt_seg_map')
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(mode={self.mode!r}, size={self.size}, fov={self.fov}, '
            f'scale={self.scale.tolist()})'
        )
