import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmseg_plugins.errors import UserError
from mmseg_plugins.ops.denominator import check_denominators
from mmseg_plugins.ops.pseudo_label import hard_label

from .masked_loss import masked_cross_entropy
from .masked_lovasz_loss import lovasz_softmax

IGNORE = 255


@MODELS.register_module()
class HardLabelLoss(nn.Module):
    """The teacher's most likely classes as labels: cross entropy, and Lovász softmax if wanted.

    It takes the place of :class:`ConsistencyLoss` in the CutMix segmentor. A pixel counts where the
    teacher's confidence reaches the threshold and the pixel is wholly real; the cross entropy is
    divided by the number of real pixels, so that few confident pixels give a small loss.

    Source: variants R2 and R3 of specification (range view) 4.3.

    Args:
        threshold (float): Teacher confidence in [0, 1] from which a pixel counts. Defaults to 0.9.
        lovasz_weight (float): Weight of the Lovász softmax beside the cross entropy's 1; 0 leaves
            it out. Defaults to 0.0.
        denominators (str): Whose real pixels divide the cross entropy: ``'rank'`` or ``'global'``;
            for the Lovász softmax see :class:`MaskedLovaszLoss`. Defaults to ``'rank'``.

    Raises:
        UserError: If ``threshold`` is not in [0, 1], ``lovasz_weight`` is negative or
            ``denominators`` is unknown.
    """

    per_pixel = True  # no gate of the whole batch
    divisor = 'valid'

    def __init__(
        self, threshold: float = 0.9, lovasz_weight: float = 0.0, denominators: str = 'rank'
    ) -> None:
        super().__init__()
        check_denominators(denominators, 'HardLabelLoss')
        if not 0 <= threshold <= 1:
            raise UserError(f'HardLabelLoss: threshold={threshold} is not a confidence; use 0..1')
        if lovasz_weight < 0:
            raise UserError(
                f'HardLabelLoss: lovasz_weight={lovasz_weight} is negative; use 0 or more'
            )
        self.threshold = threshold
        self.lovasz_weight = lovasz_weight
        self.denominators = denominators

    def forward(
        self,
        student_logits: Tensor,
        teacher_logits: Tensor,
        valid: Tensor,
        read: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Compute the loss. No gradient reaches the teacher.

        Args:
            student_logits (Tensor): Shape (N, C, H, W).
            teacher_logits (Tensor): Shape (N, C, H, W).
            valid (Tensor): Shape (N, 1, H, W) in [0, 1], 1 on real pixels.
            read (tuple[Tensor, Tensor], optional): What :meth:`read` made of the teacher's logits,
                where the caller needs it too. Defaults to None.

        Returns:
            Tensor: 0-d; 0 where no pixel counts.
        """
        label, confident = read or self.read(teacher_logits)
        valid = valid[:, 0] >= 1
        kept = valid & (confident[:, 0] > 0)
        loss = masked_cross_entropy(student_logits, label, kept, valid, self.denominators)
        if self.lovasz_weight:
            masked = torch.where(kept, label, IGNORE)
            lovasz = lovasz_softmax(student_logits, masked, IGNORE, self.denominators)
            loss = loss + self.lovasz_weight * lovasz
        return loss

    @torch.no_grad()
    def read(self, teacher_logits: Tensor) -> tuple[Tensor, Tensor]:
        """What the teacher says, by one softmax.

        Args:
            teacher_logits (Tensor): Shape (N, C, H, W).

        Returns:
            tuple[Tensor, Tensor]: Labels, int64 (N, H, W), and (N, 1, H, W) of the logits' type: 1
            where the confidence reaches the threshold, else 0.
        """
        label, confidence = hard_label(teacher_logits)
        return label, (confidence >= self.threshold).to(confidence.dtype).unsqueeze(1)
