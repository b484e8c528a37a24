from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from torch import Tensor

from mmseg_plugins.errors import UserError


@MODELS.register_module()
class ClippedSlideEncoderDecoder(EncoderDecoder):
    """mmseg's ``EncoderDecoder`` with the sliding windows of the semi-supervised papers.

    It differs in ``test_cfg=dict(mode='slide', crop_size=(h, w), stride=(h, w))`` alone:

    - windows start at 0, ``stride``, 2 ``stride``, ... below the image's size and are clipped at
      its border, where mmseg shifts the last one back to full size;
    - the *softmax* of each window is added up, where mmseg averages logits. The sum is not
      divided by the number of windows over a pixel: that is equal for all classes.

    ``seg_logits`` of a slide prediction thus holds summed probabilities. A config names it as
    ``type`` of the ``student``; weights and everything else are those of ``EncoderDecoder``.

    Source: CorrMatch, specification 4: crops of 801 with ``stride=(534, 534)``, that is
    ``int(801 * 2 / 3)``, in the last 20 of 240 epochs on Cityscapes. The epochs before score the
    centre alone: :class:`CenterCropSample` in the validation pipeline, with ``mode='whole'``.

    Args:
        *args: See mmseg's ``EncoderDecoder``.
        **kwargs: See mmseg's ``EncoderDecoder``.

    Raises:
        UserError: If a slide's crop size or stride is missing, below 1, or leaves gaps; or if the
            network has one output channel.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        cfg = self.test_cfg or {}
        if cfg.get('mode') != 'slide':
            return
        crop_size, stride = cfg.get('crop_size'), cfg.get('stride')
        pairs = all(
            isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in (crop_size, stride)
        )
        if not pairs or not all(1 <= s <= c for s, c in zip(stride, crop_size, strict=True)):
            raise UserError(
                f'ClippedSlideEncoderDecoder: test_cfg has crop_size={crop_size}, stride={stride}; '
                "mode='slide' needs (height, width) of both, with 1 <= stride <= crop_size"
            )
        if self.out_channels == 1:
            raise UserError(
                'ClippedSlideEncoderDecoder: the decode head has out_channels=1 (sigmoid); windows '
                'add up a softmax over classes: set out_channels=2'
            )

    def slide_inference(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Sum of the windows' probabilities.

        Args:
            inputs (Tensor): Shape (N, 3, H, W).
            batch_img_metas (list[dict]): Meta information of each image.

        Returns:
            Tensor: Shape (N, C, H, W), not divided by the number of windows over a pixel.
        """
        height, width = inputs.shape[2:]
        crop_h, crop_w = self.test_cfg['crop_size']
        stride_h, stride_w = self.test_cfg['stride']
        total = inputs.new_zeros(len(inputs), self.out_channels, height, width)
        for top in range(0, height, stride_h):
            for left in range(0, width, stride_w):
                # slices are clipped at the border by themselves
                window = (..., slice(top, top + crop_h), slice(left, left + crop_w))
                crop = inputs[window]
                # a torch.Size tells the decode head to give logits of that size
                metas = [dict(meta, img_shape=crop.shape[2:]) for meta in batch_img_metas]
                total[window] += self.encode_decode(crop, metas).softmax(dim=1)
        return total
