from collections.abc import Sequence

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmseg_plugins.errors import UserError


@TRANSFORMS.register_module()
class RandomScaleWindow(BaseTransform):
    """Crop a window of a random size, then scale the window to the crop.

    A window of ``crop_size / scale`` pixels is cut at a random place and resized to ``crop_size``.
    Where it is larger than the image, the image is padded on both sides: with black, 255 in the
    label and 0 in the valid map, which resizing leaves soft at the border. ``PackValidInputs``
    turns the black of the padding into the mean colour, which normalisation turns into 0.

    Source: French et al. (BMVC 2020), specification 2.2: the scales of Pascal VOC are the default;
    Cityscapes has ``scales=(1.0,)``.

    Required keys: ``img`` (uint8, BGR); what ``seg_fields`` names. Modified keys: these and
    ``img_shape``. Added keys: ``valid_map`` (float32 (H, W) in [0, 1], also in ``seg_fields``, so
    that flips move it) and ``padding_colour`` (``mean`` in the image's order).

    Args:
        crop_size (tuple[int, int]): Height and width of the result in pixels.
        scales (Sequence[float]): Scales to draw from, for both axes at once. Defaults to 0.5, 0.6,
            ..., 1.5.
        mean (Sequence[float]): The mean that the data preprocessor subtracts, in 0..255, R, G, B.
            Defaults to ImageNet's.
        seg_pad_val (int): Label of padding. Defaults to 255.

    Raises:
        UserError: If there is no scale or one is not positive.
    """

    def __init__(
        self,
        crop_size: tuple[int, int],
        scales: Sequence[float] = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5),
        mean: Sequence[float] = (123.675, 116.28, 103.53),
        seg_pad_val: int = 255,
    ) -> None:
        if not scales or min(scales) <= 0:
            raise UserError(f'RandomScaleWindow: scales={scales} must be positive numbers')
        self.crop_size = tuple(crop_size)
        self.scales = scales
        self.colour = np.array(mean[::-1], dtype=np.float32)
        self.seg_pad_val = seg_pad_val

    def transform(self, results: dict) -> dict:
        """Cut and scale the window.

        Args:
            results (dict): A sample with ``img``.

        Returns:
            dict: The sample.
        """
        scale = np.random.choice(self.scales)
        window = np.round(np.divide(self.crop_size, scale)).astype(int)
        slack = np.subtract(results['img'].shape[:2], window)
        # rounded, so that the first and the last position have half the weight of the others
        origin = np.round(slack.clip(min=0) * np.random.uniform(size=2)).astype(int)
        padding = (-slack).clip(min=0)
        before = padding // 2
        margins = list(zip(before, padding - before, strict=True))
        (top, left), (bottom, right) = origin, origin + window

        def cut(field: np.ndarray, pad_val: float, interpolation: str) -> np.ndarray:
            field = np.pad(field, margins + [(0, 0)] * (field.ndim - 2), constant_values=pad_val)
            field = field[top:bottom, left:right]
            return mmcv.imresize(field, self.crop_size[::-1], interpolation=interpolation)

        valid = np.ones(results['img'].shape[:2], dtype=np.float32)
        results['img'] = cut(results['img'], 0, 'bilinear')
        for key in results.setdefault('seg_fields', []):
            results[key] = cut(results[key], self.seg_pad_val, 'nearest')
        results['valid_map'] = cut(valid, 0, 'bilinear')
        results['seg_fields'].append('valid_map')
        results['padding_colour'] = self.colour
        results['img_shape'] = results['img'].shape[:2]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(crop_size={self.crop_size}, scales={self.scales})'
