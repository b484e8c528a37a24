import mmengine.dist as dist
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmseg_plugins.errors import UserError
from mmseg_plugins.ops.denominator import check_denominators, denominator


def _var(student: Tensor, teacher: Tensor, prob: Tensor) -> Tensor:
    return (student.softmax(1) - prob).square().sum(1, keepdim=True)


def _logits_var(student: Tensor, teacher: Tensor, prob: Tensor) -> Tensor:
    return (student - teacher).square().sum(1, keepdim=True) / student.size(1) ** 0.5


def _logits_smoothl1(student: Tensor, teacher: Tensor, prob: Tensor) -> Tensor:
    huber = F.smooth_l1_loss(student, teacher, reduction='none')
    return huber.sum(1, keepdim=True) / student.size(1) ** 0.5


def _bce(student: Tensor, teacher: Tensor, prob: Tensor, eps: float = 1e-6) -> Tensor:
    p, q = student.softmax(1), prob
    return -(q * (p + eps).log() + (1 - q) * (1 - p + eps).log()).sum(1, keepdim=True)


def _kld(student: Tensor, teacher: Tensor, prob: Tensor) -> Tensor:
    log_p, log_q = student.log_softmax(1), teacher.log_softmax(1)
    return F.kl_div(log_p, log_q, reduction='none', log_target=True).sum(1, keepdim=True)


@MODELS.register_module()
class ConsistencyLoss(nn.Module):
    """Distance between student and teacher, gated by the teacher's confidence.

    By default the gate is *one scalar*, the share of pixels whose teacher confidence reaches the
    threshold, and multiplies the ungated mean; over several ranks it is the global share.

    Source: French et al. (BMVC 2020), specification 1.6.

    Args:
        kind (str): ``'var'`` (squared difference of probabilities, summed over classes),
            ``'logits_var'``, ``'logits_smoothl1'``, ``'bce'`` or ``'kld'``. Defaults to ``'var'``.
        threshold (float): Teacher confidence in [0, 1] from which a pixel counts; 0 switches the
            gate off. Defaults to 0.97.
        per_pixel (bool): Gate each pixel instead of the mean. Defaults to False.
        divisor (str): ``'all'`` divides by all pixels, padding included; ``'valid'`` divides the
            loss and the gate's mean by the sum of ``valid``. Defaults to ``'all'``.
        denominators (str): Whose sum of ``valid`` divides the loss: ``'rank'`` or ``'global'``.
            Defaults to ``'rank'``.

    Raises:
        UserError: If ``kind``, ``divisor`` or ``denominators`` is unknown or ``threshold`` is out
            of range.
    """

    KINDS = dict(
        var=_var, logits_var=_logits_var, logits_smoothl1=_logits_smoothl1, bce=_bce, kld=_kld
    )

    def __init__(
        self,
        kind: str = 'var',
        threshold: float = 0.97,
        per_pixel: bool = False,
        divisor: str = 'all',
        denominators: str = 'rank',
    ) -> None:
        super().__init__()
        if kind not in self.KINDS:
            raise UserError(
                f'ConsistencyLoss: unknown kind={kind!r}; use one of {list(self.KINDS)}'
            )
        if divisor not in ('all', 'valid'):
            raise UserError(f"ConsistencyLoss: unknown divisor={divisor!r}; use 'all' or 'valid'")
        check_denominators(denominators, 'ConsistencyLoss')
        if not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
            raise UserError(
                f'ConsistencyLoss: threshold={threshold!r} is not a confidence; use 0..1, e.g. 0.97'
            )
        self.kind = kind
        self.threshold = threshold
        self.per_pixel = per_pixel
        self.divisor = divisor
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
            Tensor: 0-d.

        Raises:
            UserError: If the shapes do not fit each other.
        """
        shapes = [tuple(t.shape) for t in (student_logits, teacher_logits, valid)]
        if shapes[0] != shapes[1] or shapes[2] != (shapes[0][0], 1, *shapes[0][2:]):
            raise UserError(
                f'ConsistencyLoss: student, teacher, valid have the shapes {shapes}; give '
                '(N, C, H, W), (N, C, H, W), (N, 1, H, W)'
            )
        teacher_logits = teacher_logits.detach()
        prob, confident = read or self.read(teacher_logits)
        loss = self.KINDS[self.kind](student_logits, teacher_logits, prob)
        valid = valid.to(loss.dtype)
        loss = loss * valid
        if self.per_pixel:
            loss = loss * confident
        else:
            loss = loss * self.gate(confident, valid)
        if self.divisor == 'valid':
            return loss.sum() / denominator(valid.sum(), self.denominators).to(loss.dtype)
        return loss.mean()

    @torch.no_grad()
    def read(self, teacher_logits: Tensor) -> tuple[Tensor, Tensor]:
        """What the teacher says, by one softmax.

        Args:
            teacher_logits (Tensor): Shape (N, C, H, W).

        Returns:
            tuple[Tensor, Tensor]: Probabilities (N, C, H, W), and (N, 1, H, W) of the same type:
            1 where the confidence reaches the threshold, else 0.
        """
        prob = teacher_logits.softmax(1)
        confidence = prob.amax(1, keepdim=True)
        return prob, (confidence >= self.threshold).to(confidence.dtype)

    def gate(self, confident: Tensor, valid: Tensor) -> Tensor:
        """The share of confident pixels over all ranks, 0-d; see :meth:`read`."""
        if self.divisor == 'valid':
            total, count = (confident * valid).sum(), valid.sum()
        else:
            total, count = confident.sum(), confident.new_full((), confident.numel())
        dist.all_reduce(total)
        dist.all_reduce(count)
        return total / count.clamp(min=1)
