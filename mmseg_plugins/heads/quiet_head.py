from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.utils import SampleList
from torch import Tensor

from mmseg_plugins.losses import quiet_losses


class QuietHead(BaseDecodeHead):
    """mmseg's decode head, whose losses never make the host wait for the device."""

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: SampleList) -> dict:
        """See :func:`~mmseg_plugins.losses.quiet_losses`."""
        if self.sampler is not None:
            return super().loss_by_feat(seg_logits, batch_data_samples)
        return quiet_losses(self, seg_logits, batch_data_samples)

    loss_by_feat.quiet = True
