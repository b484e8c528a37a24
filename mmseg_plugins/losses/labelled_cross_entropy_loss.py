import torch
import torch.nn.functional as F
from mmseg.models.losses import CrossEntropyLoss
from mmseg.registry import MODELS
from torch import Tensor

from mmseg_plugins.errors import UserError
from mmseg_plugins.ops.denominator import check_denominators, denominator


@MODELS.register_module()
class LabelledCrossEntropyLoss(CrossEntropyLoss):
    """mmseg's ``CrossEntropyLoss`` over labelled pixels, of this rank or of all of them.

    With ``denominators='rank'`` it is mmseg's with ``avg_non_ignore=True``, bit for bit; but where
    each labelled pixel counts once, nothing is read back from the device.

    Args:
        denominators (str): Whose labelled pixels are counted, see
            :func:`~mmseg_plugins.ops.denominator.denominator`. Defaults to ``'rank'``.
        avg_non_ignore (bool): Count labelled pixels only. Defaults to True.
        **kwargs: See mmseg's ``CrossEntropyLoss``.

    Raises:
        UserError: If ``denominators`` is unknown, or ``'global'`` with an option of mmseg's loss
            whose mean is another one.
    """

    def __init__(self, denominators: str = 'rank', avg_non_ignore: bool = True, **kwargs) -> None:
        super().__init__(avg_non_ignore=avg_non_ignore, **kwargs)
        check_denominators(denominators, type(self).__name__)
        others = {
            'use_sigmoid': self.use_sigmoid,
            'use_mask': self.use_mask,
            'class_weight': self.class_weight is not None,
            'reduction': self.reduction != 'mean',
        }
        wrong = [name for name, is_set in others.items() if is_set]
        if denominators == 'global' and wrong:
            raise UserError(
                f"{type(self).__name__}: denominators='global' counts each labelled pixel once, "
                f"which {wrong[0]} does not; leave {wrong[0]} out or set denominators='rank'"
            )
        self.denominators = denominators
        self.counts_pixels = not wrong and self.avg_non_ignore

    def forward(
        self, cls_score: Tensor, label: Tensor, *args, ignore_index: int = -100, **kwargs
    ) -> Tensor:
        """Compute the loss.

        Args:
            cls_score (Tensor): Logits (N, C, H, W).
            label (Tensor): int64 (N, H, W).
            *args: See mmseg's ``CrossEntropyLoss``.
            ignore_index (int): Label of pixels without a class. Defaults to -100.
            **kwargs: See mmseg's ``CrossEntropyLoss``.

        Returns:
            Tensor: 0-d.
        """
        given = any(value is not None for value in (*args, *kwargs.values()))
        if given or not self.counts_pixels:
            return super().forward(cls_score, label, *args, ignore_index=ignore_index, **kwargs)
        loss = F.cross_entropy(cls_score, label, reduction='none', ignore_index=ignore_index).sum()
        count = (label != ignore_index).sum().to(loss.dtype)
        # as mmseg has it: 0, not NaN, without a labelled pixel
        loss = self.loss_weight * (loss / (count + torch.finfo(torch.float32).eps))
        if self.denominators == 'rank':
            return loss
        return loss * count / denominator(count, 'global').to(loss.dtype)
