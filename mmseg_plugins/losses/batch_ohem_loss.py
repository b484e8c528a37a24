import mmengine.dist as dist
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmseg_plugins.errors import UserError
from mmseg_plugins.ops.denominator import check_denominators, denominator


@MODELS.register_module()
class BatchOHEMLoss(nn.Module):
    """Cross entropy over the hardest pixels of a batch (online hard example mining).

    A pixel is kept where the probability of its label is at most ``thresh``. Where fewer than
    ``min_kept`` pixels of the whole batch are that hard, the limit rises to the ``min_kept``-th
    smallest probability; equal probabilities are kept together. The loss is the mean over the kept
    pixels. No gradient flows through the selection, and nothing is read back from the device.

    Use it as ``loss_decode`` of any mmseg decode head. mmseg's ``OHEMPixelSampler`` differs: it
    multiplies ``min_kept`` by the number of images, drops pixels that equal the limit and, with
    mmseg's cross entropy, leaves the dropped ones in the denominator.

    Source: CorrMatch on Cityscapes, specification 2.6. With no labelled pixel in the batch the
    reference is NaN; here the loss is 0, so that one empty crop does not end a run.

    Args:
        thresh (float): Probability in [0, 1] up to which a pixel is hard. Defaults to 0.7.
        min_kept (int): Pixels of the batch on one rank that are kept at least; 0 switches the
            selection off and all labelled pixels count, as in the reference. Defaults to 100000.
        denominators (str): ``'rank'``: each rank selects and counts among its own pixels, as the
            reference does. ``'global'``: among those of all ranks; ``min_kept`` is then the number
            over all of them, and their batches must be equal in size. Defaults to ``'rank'``.
        loss_weight (float): Weight of the loss. Defaults to 1.0.
        loss_name (str): Key of the loss in the log; only keys with "loss" are summed. Defaults to
            ``'loss_ohem'``.

    Raises:
        UserError: If ``thresh`` lies outside [0, 1], ``min_kept`` is not a whole number of at
            least 0, or ``denominators`` is unknown.
    """

    def __init__(
        self,
        thresh: float = 0.7,
        min_kept: int = 100000,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_ohem',
        denominators: str = 'rank',
    ) -> None:
        super().__init__()
        check_denominators(denominators, 'BatchOHEMLoss')
        if not 0 <= thresh <= 1:
            raise UserError(
                f'BatchOHEMLoss: thresh={thresh} is not a probability; use a value in [0, 1]'
            )
        if not isinstance(min_kept, int) or min_kept < 0:
            raise UserError(
                f'BatchOHEMLoss: min_kept={min_kept} is not a whole number of pixels; use 0 or more'
            )
        self.thresh = thresh
        self.min_kept = min_kept
        self.loss_weight = loss_weight
        self.loss_name = loss_name  # mmseg's decode heads read it
        self.denominators = denominators

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
            weight (Tensor, optional): What a pixel sampler of the decode head chose; must be None.
                Defaults to None.
            ignore_index (int): Label of pixels without a class. Defaults to 255.

        Returns:
            Tensor: 0-d.

        Raises:
            UserError: If the decode head has a pixel sampler as well.
        """
        if weight is not None:
            raise UserError(
                'BatchOHEMLoss: the decode head gives pixel weights of its own sampler, but this '
                'loss selects the pixels; set sampler=None in the decode_head'
            )
        loss = F.cross_entropy(logits, label, reduction='none', ignore_index=ignore_index)
        kept = self.select(loss.detach(), label != ignore_index)
        total = (loss * kept).sum()
        count = denominator(kept.sum(), self.denominators).to(total.dtype)
        return self.loss_weight * total / count

    def select(self, loss: Tensor, valid: Tensor) -> Tensor:
        """Choose the pixels that count.

        Args:
            loss (Tensor): Cross entropy of each pixel, 0 where it is ignored, (N, H, W).
            valid (Tensor): Bool (N, H, W), False where a pixel is ignored.

        Returns:
            Tensor: Bool (N, H, W).
        """
        if self.min_kept == 0:
            return valid
        # of the label's class; 1 for ignored pixels, which thus rank last: with fewer labelled
        # pixels than min_kept the limit is the largest probability and all of them stay
        prob = torch.exp(-loss)
        prob_all = prob.flatten()
        if self.denominators == 'global':
            # no rank adds more than its min_kept smallest to those of all
            least = prob_all.topk(min(self.min_kept, prob.numel()), largest=False).values
            prob_all = torch.cat(dist.all_gather(least))
        rank = min(self.min_kept, prob_all.numel())
        limit = prob_all.kthvalue(rank).values.clamp(min=self.thresh)
        return valid & (prob <= limit)
