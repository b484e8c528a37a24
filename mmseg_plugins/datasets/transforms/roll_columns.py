import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmseg_plugins.errors import UserError


@TRANSFORMS.register_module()
class RollColumns(BaseTransform):
    """Shift the columns of a range image, which is cyclic, by a random number.

    The first three channels stay what they are: the image then starts at another direction.

    Source: specification 3.4.

    Required keys: ``img``, what ``seg_fields`` names. Modified keys: these and, where it is there,
    ``point_pixels``.

    Args:
        margin (int): The shift is drawn from margin to W - margin; an image of no more than twice
            the margin is shifted by anything. Defaults to 100.

    Raises:
        UserError: If the margin is negative.
    """

    def __init__(self, margin: int = 100) -> None:
        if margin < 0:
            raise UserError(f'RollColumns: margin={margin} must not be negative')
        self.margin = margin

    def transform(self, results: dict) -> dict:
        """Shift image and maps alike.

        Args:
            results (dict): As :class:`ProjectToRange` leaves it.

        Returns:
            dict: The shifted sample.
        """
        width = results['img'].shape[1]
        margin = self.margin if 2 * self.margin < width else 0
        shift = int(np.random.randint(margin, width - margin + 1))
        for key in ('img', *results.get('seg_fields', [])):
            results[key] = np.roll(results[key], shift, axis=1)
        if 'point_pixels' in results:
            row, column = np.divmod(results['point_pixels'], width)
            results['point_pixels'] = row * width + (column + shift) % width
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(margin={self.margin})'
