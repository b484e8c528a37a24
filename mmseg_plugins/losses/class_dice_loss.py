import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from .masked_lovasz_loss import refuse_weight


@MODELS.register_module()
class ClassDiceLoss(nn.Module):
    """Soft Dice of each class over the whole batch, averaged over all classes.

    ``1 - 2 * sum(p * t) / (sum(p) + sum(t))`` with sums over the labelled pixels of the batch.
    mmseg's ``DiceLoss`` differs: it takes all classes of an image together, and ignored pixels stay
    in its denominator. Source: specification (range view) 3.2.

    Args:
        eps (float): Least denominator. Defaults to 1e-4.
        loss_weight (float): Weight of the loss. Defaults to 1.0.
        loss_name (str): Key of the loss in the log. Defaults to ``'loss_dice'``.
    """

    def __init__(
        self, eps: float = 1e-4, loss_weight: float = 1.0, loss_name: str = 'loss_dice'
    ) -> None:
        super().__init__()
        self.eps = eps
        self.loss_weight = loss_weight
        self.loss_name = loss_name

    def forward(
        self,
        logits: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        ignore_index: int = 255,
    ) -> Tensor:
        """Compute the loss.

        Args:
            logits (Tensor): Shape (N, C, H, W).
            label (Tensor): int64 (N, H, W).
            weight (Tensor, optional): Must be None. Defaults to None.
            ignore_index (int): Label of pixels without a class. Defaults to 255.

        Returns:
            Tensor: 0-d, float32; 0 without a labelled pixel.

        Raises:
            UserError: If the decode head has a pixel sampler.
        """
        refuse_weight(self, weight)
        valid = label != ignore_index
        prob = logits.float().softmax(1) * valid.unsqueeze(1)
        truth = F.one_hot(label * valid, logits.size(1)).movedim(-1, 1) * valid.unsqueeze(1)
        pixels = (0, 2, 3)
        both = (prob.sum(pixels) + truth.sum(pixels)).clamp(min=self.eps)
        dice = 1 - 2 * (prob * truth).sum(pixels) / both
        return self.loss_weight * dice.mean() * valid.any()
