import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from mmseg.utils import SampleList
from torch import Tensor, nn


class QuietHead(BaseDecodeHead):
    """mmseg's decode head, whose losses never make the host wait for the device.

    mmseg selects the pixels of its accuracy by a bool mask, whose count the host needs twice for
    each call. Here the same number is computed where it is. Logits that have the labels' size
    already are not resized.
    """

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: SampleList) -> dict:
        """Compute the losses.

        Args:
            seg_logits (Tensor): Shape (N, C, h, w).
            batch_data_samples (list[SegDataSample]): With ``gt_sem_seg``.

        Returns:
            dict[str, Tensor]: Losses by their names, and ``acc_seg`` in per cent.
        """
        if self.sampler is not None:
            return super().loss_by_feat(seg_logits, batch_data_samples)
        label = self._stack_batch_gt(batch_data_samples)
        if seg_logits.shape[2:] != label.shape[2:]:
            seg_logits = resize(
                seg_logits, label.shape[2:], mode='bilinear', align_corners=self.align_corners
            )
        label, several = label.squeeze(1), isinstance(self.loss_decode, nn.ModuleList)
        losses: dict[str, Tensor] = {}
        for criterion in self.loss_decode if several else [self.loss_decode]:
            name = criterion.loss_name
            value = criterion(seg_logits, label, weight=None, ignore_index=self.ignore_index)
            losses[name] = losses[name] + value if name in losses else value
        return dict(losses, acc_seg=accuracy(seg_logits, label, self.ignore_index))


@torch.no_grad()
def accuracy(logits: Tensor, label: Tensor, ignore_index: int) -> Tensor:
    """mmseg's ``accuracy`` over labelled pixels, without a wait.

    Args:
        logits (Tensor): Shape (N, C, H, W).
        label (Tensor): int64 (N, H, W).
        ignore_index (int): Label of pixels without a class.

    Returns:
        Tensor: float32 (1,), in per cent; 0 without a labelled pixel is a rounding above 0.
    """
    eps = torch.finfo(torch.float32).eps
    valid = label != ignore_index
    right = ((logits.argmax(dim=1) == label) & valid).sum().float().reshape(1) + eps
    total = valid.sum().double() + eps
    return right * (100.0 / total).float()
