import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadValidMask(BaseTransform):
    """Stands in for the annotation of an unlabelled image: zeros, to which padding adds 255.

    Geometric transforms move it along as they move a mask, so afterwards 255 marks the pixels that
    are padding and nothing else is known. No file is opened.

    Required key: ``img_shape``. Added keys: ``gt_seg_map``; ``seg_fields`` is extended.
    """

    def transform(self, results: dict) -> dict:
        """Add the map.

        Args:
            results (dict): As the image loader leaves it.

        Returns:
            dict: With ``gt_seg_map``, uint8 (H, W).
        """
        results['gt_seg_map'] = np.zeros(results['img_shape'][:2], dtype=np.uint8)
        results.setdefault('seg_fields', []).append('gt_seg_map')
        return results
