import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmseg_plugins.ops.all_ranks import sum_of
from mmseg_plugins.ops.denominator import check_denominators

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
        denominators (str): ``'rank'``: the Dice of each rank's own pixels, of which the ranks'
            mean is taken; ``'global'``: that of the pixels of all ranks, which no denominator alone
            would give: both sums of a class are taken over them. Defaults to ``'rank'``.

    Raises:
        UserError: If ``denominators`` is unknown.
    """

    def __init__(
        self,
        eps: float = 1e-4,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_dice',
        denominators: str = 'rank',
    ) -> None:
        super().__init__()
        check_denominators(denominators, 'ClassDiceLoss')
        self.denominators = denominators
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
        sums = [(prob * truth).sum(pixels), prob.sum(pixels), truth.sum(pixels).float()]
        common, predicted, labelled = sum_of(torch.stack(sums), self.denominators)
        dice = 1 - 2 * common / (predicted + labelled).clamp(min=self.eps)
        return self.loss_weight * dice.mean() * labelled.any()
