import math

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS
from PIL import Image

from mmseg_plugins.errors import UserError


@TRANSFORMS.register_module()
class RandomLongSideCrop(BaseTransform):
    """Scale the long side to a random number of pixels, as Pillow scales, and take a random crop.

    The image is resized bilinearly with Pillow, which filters when it shrinks, and the annotations
    by nearest neighbour; the short side is rounded half up. What is smaller than the crop is padded
    at the right and at the bottom. mmcv's ``RandomResize`` draws a ratio instead and interpolates
    without filtering.

    Pixel for pixel it is scaling, then ``Pad`` and ``RandomCrop``, with the same random numbers;
    but only what the crop shows is computed: a Cityscapes frame of twice its size has 13 times the
    pixels of its crop of 801. Pillow makes rows shorter or longer first, rounds, and does the same
    with columns, so rows that the crop does not need are left out before, and columns between the
    two. (A ``box`` of Pillow's would do it in one go, but it is rounded to float32, which moves
    single pixels by 1.) Narrow images that shrink, which Pillow takes the other way round, are
    scaled whole.

    Source: CorrMatch, specification 3.1, steps 1 to 3.

    Required keys: ``img`` (uint8); what ``seg_fields`` names. Modified keys: these and
    ``img_shape``. Added keys: ``pad_shape``, ``scale_factor``, as of mmseg's ``Resize``.

    Args:
        crop_size (tuple[int, int]): Height and width of the crop in pixels.
        ratio_range (tuple[float, float]): The long side of an image with long side L lies in
            ``int(ratio_range[0] * L)`` to ``int(ratio_range[1] * L)``, both included. Defaults to
            (0.5, 2.0).
        seg_pad_val (int): Label of padding; that of the image is 0. Defaults to 255.

    Raises:
        UserError: If the range is empty or not positive.
    """

    def __init__(
        self,
        crop_size: tuple[int, int],
        ratio_range: tuple[float, float] = (0.5, 2.0),
        seg_pad_val: int = 255,
    ) -> None:
        if not 0 < ratio_range[0] <= ratio_range[1]:
            raise UserError(
                f'RandomLongSideCrop: ratio_range={ratio_range} must be a positive range, smaller '
                'value first'
            )
        self.crop_size = tuple(crop_size)
        self.ratio_range = ratio_range
        self.seg_pad_val = seg_pad_val

    def transform(self, results: dict) -> dict:
        """Scale and crop ``img`` and the annotations.

        Args:
            results (dict): A sample with ``img`` (H, W, 3).

        Returns:
            dict: The sample.
        """
        old = results['img'].shape[:2]
        long = max(old)
        low, high = (max(int(ratio * long), 1) for ratio in self.ratio_range)
        side = np.random.randint(low, high + 1)
        # the product is exact, so a tie rounds up for certain
        new = tuple(max(int(size * side / long + 0.5), 1) for size in old)
        window = []
        for size, crop in zip(new, self.crop_size, strict=True):
            start = np.random.randint(0, max(size - crop, 0) + 1)
            window.append(slice(start, min(start + crop, size)))

        image = scaled_window(results['img'], new, *window)
        results['img'] = self._padded(image, 0)
        if fields := results.get('seg_fields', []):
            sources = zip(old, new, window, strict=True)
            places = np.ix_(*(_nearest(*axis) for axis in sources))
            for key in fields:
                results[key] = self._padded(results[key][places], self.seg_pad_val)
        results['img_shape'] = results['pad_shape'] = self.crop_size
        results['scale_factor'] = (new[1] / old[1], new[0] / old[0])
        return results

    def _padded(self, field: np.ndarray, value: int) -> np.ndarray:
        if field.shape[:2] == self.crop_size:
            return field
        out = np.full(self.crop_size + field.shape[2:], value, dtype=field.dtype)
        out[: field.shape[0], : field.shape[1]] = field
        return out

    def __repr__(self) -> str:
        name = type(self).__name__
        return f'{name}(crop_size={self.crop_size}, ratio_range={self.ratio_range})'


def scaled_window(
    image: np.ndarray, new: tuple[int, int], rows: slice, columns: slice
) -> np.ndarray:
    """``Image.resize`` cut to a window, without computing what lies outside.

    Args:
        image (np.ndarray): Shape (H, W, 3), uint8.
        new (tuple[int, int]): Height and width to scale to, both by the same factor.
        rows (slice): Of the scaled image.
        columns (slice): Of the scaled image.

    Returns:
        np.ndarray: uint8.
    """
    old = image.shape[:2]
    # a decoder's BGR may be a reversed view of RGB, which is slow to read
    backwards = image.strides[2] < 0
    image = image[..., ::-1] if backwards else image
    scale = old[0] / new[0]
    if scale > 1 and old[1] < old[0]:
        whole = Image.fromarray(np.ascontiguousarray(image)).resize(new[::-1], Image.BILINEAR)
        window = np.asarray(whole)[rows, columns]
        return np.ascontiguousarray(window[..., ::-1] if backwards else window)
    reach = max(scale, 1) + 2  # a triangle of this half width, and a margin for rounding
    top = max(math.floor(rows.start * scale - reach), 0)
    bottom = min(math.ceil(rows.stop * scale + reach), old[0])

    wide = Image.fromarray(image[top:bottom]).resize((new[1], bottom - top), Image.BILINEAR)
    wide = wide.crop((columns.start, 0, columns.stop, bottom - top))
    # at its place among as many rows as there were: Pillow counts them from the first one
    full = Image.new('RGB', (wide.width, old[0]))
    full.paste(wide, (0, top))
    full = full.resize((wide.width, new[0]), Image.BILINEAR)
    window = np.array(full.crop((0, rows.start, wide.width, rows.stop)))
    return np.ascontiguousarray(window[..., ::-1]) if backwards else window


def _nearest(old: int, new: int, window: slice) -> np.ndarray:
    """The indices that Pillow's nearest neighbour takes along one side, within a window."""
    ramp = Image.fromarray(np.arange(old, dtype=np.int32)[None])
    return np.asarray(ramp.resize((new, 1), Image.NEAREST))[0, window]
