from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmseg_plugins.errors import UserError


@TRANSFORMS.register_module()
class CenterCropSample(BaseTransform):
    """Cut the centre out of image and masks, as if the sample had no more than that.

    mmcv's ``CenterCrop`` rounds the offset, half to even, and so takes another window (112, 624
    instead of 111, 623 on a Cityscapes frame at 801); it also keeps ``ori_shape``, to which mmseg
    resizes a prediction before it is scored. This one starts at ``(size - crop) // 2`` and sets
    ``ori_shape``, so that exactly the crop is segmented and scored::

        pipeline = [
            dict(type='LoadImageFromFile'),
            dict(type='LoadIndexMask'),
            dict(type='CenterCropSample', crop_size=801),
            dict(type='PackSegInputs'),
        ]

    A side shorter than the crop is kept whole. Required keys: ``img`` and the masks in
    ``seg_fields``. Modified keys: both, ``img_shape``, ``pad_shape``, ``ori_shape``.

    Source: CorrMatch, specification 4 (Cityscapes, all epochs but the last 20).

    Args:
        crop_size (int | tuple[int, int]): Side of a square, or height and width, in pixels.

    Raises:
        UserError: If a side is below 1.
    """

    def __init__(self, crop_size: int | tuple[int, int]) -> None:
        sides = (crop_size, crop_size) if isinstance(crop_size, int) else tuple(crop_size)
        if len(sides) != 2 or min(sides) < 1:
            raise UserError(
                f'CenterCropSample: crop_size={crop_size} is not a size; use one or two whole '
                'numbers of at least 1 (height, width)'
            )
        self.crop_size = sides

    def transform(self, results: dict) -> dict:
        """Crop.

        Args:
            results (dict): Result dict with ``img`` (H, W, 3) and masks (H, W).

        Returns:
            dict: The same, cropped.
        """
        sizes = zip(results['img'].shape[:2], self.crop_size, strict=True)
        starts = [max(0, (size - crop) // 2) for size, crop in sizes]
        window = tuple(slice(s, s + c) for s, c in zip(starts, self.crop_size, strict=True))
        for key in ('img', *results.get('seg_fields', [])):
            results[key] = results[key][window]
        shape = results['img'].shape[:2]
        results.update(img_shape=shape, pad_shape=shape, ori_shape=shape)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(crop_size={self.crop_size})'
