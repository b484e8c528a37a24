import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmseg_plugins.errors import UserError
from mmseg_plugins.ops.all_ranks import pixels_of
from mmseg_plugins.ops.denominator import check_denominators


def lovasz_softmax(
    logits: Tensor, label: Tensor, ignore_index: int = 255, denominators: str = 'rank'
) -> Tensor:
    """Lovász softmax over the classes present, the whole batch as one image.

    Ignored pixels get the error 0 instead of being taken out: they are sorted last, where a pixel
    of no class adds nothing. So all classes are one sort, nothing is read back from the device, and
    zero, one or two labelled pixels are no special cases.

    Source: Berman et al., "The Lovász-Softmax loss" (CVPR 2018), algorithm 1; specification (range
    view) 3.2.

    Args:
        logits (Tensor): Shape (N, C, H, W).
        label (Tensor): int64 (N, H, W).
        ignore_index (int): Label of pixels without a class. Defaults to 255.
        denominators (str): Whose pixels are the image: those of this ``'rank'``, or ``'global'`` of
            all ranks. Defaults to ``'rank'``.

    Returns:
        Tensor: 0-d, float32; 0 without a labelled pixel.
    """
    # half precision cannot count pixels
    prob = logits.float().softmax(1).transpose(0, 1).flatten(1)
    label = label.flatten()
    truth = (label == torch.arange(len(prob), device=label.device)[:, None]).float()
    error = pixels_of((truth - prob).abs() * (label != ignore_index), denominators)
    truth = pixels_of(truth, denominators)
    error, order = error.sort(dim=1, descending=True)
    truth = truth.gather(1, order)
    total = truth.sum(1, keepdim=True)
    jaccard = 1 - (total - truth.cumsum(1)) / (total + (1 - truth).cumsum(1))
    gradient = torch.diff(jaccard, dim=1, prepend=torch.zeros_like(total))
    present = total[:, 0] > 0
    return ((error * gradient).sum(1) * present).sum() / present.sum().clamp(min=1)


@MODELS.register_module()
class MaskedLovaszLoss(nn.Module):
    """:func:`lovasz_softmax` as ``loss_decode`` of any mmseg decode head.

    It equals mmseg's ``LovaszLoss(reduction='none')`` where that is defined; with no labelled pixel
    that one is NaN, with a single one it fails.

    Args:
        loss_weight (float): Weight of the loss. Defaults to 1.0.
        loss_name (str): Key of the loss in the log; only keys with "loss" are summed. Defaults to
            ``'loss_lovasz'``.
        denominators (str): ``'rank'``: the loss of each rank's own pixels, of which the ranks' mean
            is taken; it is not the loss of all pixels, whatever it is divided by, as each error
            weighs by its place among the sorted ones. ``'global'``: that of all ranks' pixels,
            which are collected (four bytes a pixel and class, twice) and sorted on each; their
            batches must be equal in size. Defaults to ``'rank'``.

    Raises:
        UserError: If ``denominators`` is unknown.
    """

    def __init__(
        self,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_lovasz',
        denominators: str = 'rank',
    ) -> None:
        super().__init__()
        check_denominators(denominators, 'MaskedLovaszLoss')
        self.denominators = denominators
        self.loss_weight = loss_weight
        self.loss_name = loss_name

    def forward(
        self,
        logits: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        ignore_index: int = 255,
    ) -> Tensor:
        """Compute the loss; see :func:`lovasz_softmax`.

        Raises:
            UserError: If the decode head has a pixel sampler.
        """
        refuse_weight(self, weight)
        return self.loss_weight * lovasz_softmax(logits, label, ignore_index, self.denominators)


def refuse_weight(loss: nn.Module, weight: Tensor | None) -> None:
    """Raise a ``UserError`` if a decode head passes the weights of a pixel sampler."""
    if weight is not None:
        raise UserError(
            f'{type(loss).__name__}: the decode head gives pixel weights of its sampler, which '
            'this loss does not use; set sampler=None in the decode_head'
        )
