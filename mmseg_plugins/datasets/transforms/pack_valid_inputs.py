from mmcv.transforms import to_tensor
from mmengine.structures import PixelData
from mmseg.datasets.transforms import PackSegInputs
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PackValidInputs(PackSegInputs):
    """mmseg's ``PackSegInputs``, which also packs a soft valid map and colours the padding.

    The image is black in the padding and blended with black at its border. The mean colour is
    added in that share, so that the data preprocessor's normalisation makes padding exactly 0 and
    the border a blend with 0. Colour jitter before this may have lightened the padding, as in the
    reference; the valid map is 0 there. Without ``valid_map`` it is ``PackSegInputs``.

    Source: French et al. (BMVC 2020), specification 1.8 and 2.3.

    Optional keys: ``valid_map`` of :class:`RandomScaleWindow` or :class:`ProjectToRange`, and
    ``padding_colour`` of the former.
    Added: ``data_samples.valid``, ``PixelData`` with ``data`` float32 (1, H, W) in [0, 1].
    """

    def transform(self, results: dict) -> dict:
        """Pack a sample.

        Args:
            results (dict): A sample.

        Returns:
            dict: ``inputs`` and ``data_samples``; the image is float32 where it has padding.
        """
        valid = results.get('valid_map')
        if valid is None:
            return super().transform(results)
        if valid.min() < 1 and 'padding_colour' in results:
            padding = (1 - valid[..., None]) * results['padding_colour']
            results = {**results, 'img': results['img'] + padding}
        packed = super().transform(results)
        packed['data_samples'].valid = PixelData(data=to_tensor(valid[None].copy()))
        return packed
