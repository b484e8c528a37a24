import numpy as np
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import TRANSFORMS
from PIL import Image

from mmseg_plugins.errors import UserError


@TRANSFORMS.register_module()
class LoadIndexMask(LoadAnnotations):
    """mmseg's ``LoadAnnotations``, which tells an unfit mask from a fit one.

    Required keys: ``seg_map_path``, ``num_classes`` and mmseg's own; where an image has been
    loaded, its shape is compared.

    Raises:
        UserError: If the mask cannot be read, is not a single-channel 8-bit image, has ids that are
            neither classes nor 255, or differs from the image in size.
    """

    def _load_seg_map(self, results: dict) -> None:
        path = results['seg_map_path']
        try:
            with Image.open(path) as file:
                mode = file.mode
            # mmseg casts to uint8, in which the ids of a 16-bit mask would wrap unnoticed
            if mode in ('1', 'L', 'P'):
                super()._load_seg_map(results)
        except (OSError, SyntaxError) as error:
            raise UserError(f'mask {path} cannot be read ({error}); replace the file') from None
        if mode not in ('1', 'L', 'P'):
            raise UserError(
                f'mask {path} has the mode {mode}: colours or more than 8 bits; save it as a '
                'single-channel 8-bit image of class ids (palette images are fine)'
            )
        mask = results['gt_seg_map']
        if 'img_shape' in results and mask.shape != tuple(results['img_shape'][:2]):
            raise UserError(
                f'mask {path} is {_size(mask.shape)} but its image {results["img_path"]} is '
                f'{_size(results["img_shape"])} (width x height); give both the same size'
            )
        counts = np.bincount(mask.ravel(), minlength=256)
        counts[: results['num_classes']] = counts[255] = 0
        wrong = np.flatnonzero(counts)
        if len(wrong):
            num = results['num_classes']
            raise UserError(
                f'mask {path} has {counts.sum()} pixels with ids {wrong.tolist()} outside the '
                f'{num} classes; use 0..{num - 1}, or 255 to ignore'
            )


def _size(shape) -> str:
    return f'{shape[1]} x {shape[0]}'
