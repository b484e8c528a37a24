import numpy as np
from mmseg.datasets.transforms import Resize
from mmseg.registry import TRANSFORMS

from mmseg_plugins.errors import UserError


@TRANSFORMS.register_module()
class RandomLongSide(Resize):
    """Scale the long side to a random number of pixels, each equally likely, as Pillow scales.

    The image is resized bilinearly with Pillow, which filters when it shrinks, and the annotations
    by nearest neighbour; the short side is rounded half up. mmcv's ``RandomResize`` draws a ratio
    instead and interpolates without filtering.

    Source: CorrMatch, specification 3.1, step 1.

    Required and modified keys: those of mmseg's ``Resize``; images are uint8.

    Args:
        ratio_range (tuple[float, float]): The long side of an image with long side L lies in
            ``int(ratio_range[0] * L)`` to ``int(ratio_range[1] * L)``, both included. Defaults to
            (0.5, 2.0).

    Raises:
        UserError: If the range is empty or not positive.
    """

    def __init__(self, ratio_range: tuple[float, float] = (0.5, 2.0)) -> None:
        super().__init__(scale_factor=1.0, backend='pillow')
        if not 0 < ratio_range[0] <= ratio_range[1]:
            raise UserError(
                f'RandomLongSide: ratio_range={ratio_range} must be a positive range, smaller '
                'value first'
            )
        self.ratio_range = ratio_range

    def transform(self, results: dict) -> dict:
        """Resize ``img`` and the annotations.

        Args:
            results (dict): A sample with ``img`` (H, W, 3).

        Returns:
            dict: The sample.
        """
        height, width = results['img'].shape[:2]
        long = max(height, width)
        low, high = (max(int(ratio * long), 1) for ratio in self.ratio_range)
        side = np.random.randint(low, high + 1)
        # the product is exact, so a tie rounds up for certain
        scale = (max(int(size * side / long + 0.5), 1) for size in (width, height))
        results['scale'] = tuple(scale)
        self._resize_img(results)
        self._resize_seg(results)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(ratio_range={self.ratio_range})'
