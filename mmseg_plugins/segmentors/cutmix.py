import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor

from mmseg_plugins.errors import UserError
from mmseg_plugins.ops.cutmix import cutmix

from .semi_base import SemiBaseSegmentor, Target, Views

SURE = 100.0  # logit of a known class beside zeros: a probability of 1


@MODELS.register_module()
class CutMix(SemiBaseSegmentor):
    """CutMix mean teacher.

    The teacher segments two unlabelled images, unmixed; the student segments their mixture and is
    drawn to the mixture of the teacher's logits. Student and teacher are in train mode both, as the
    reference has it (freeze batch norm in the network's config where a protocol does); the option
    ``teacher_mode`` changes the teacher's.

    Source: French et al., "Semi-supervised semantic segmentation needs strong, varied
    perturbations" (BMVC 2020), specification 1.

    Args:
        student (dict): Config of any mmseg segmentor.
        predict_on (str): Which network is evaluated; the paper evaluates the teacher.
        consistency (dict): The loss, ``ConsistencyLoss`` or ``HardLabelLoss``. Defaults to
            ``dict(type='ConsistencyLoss')``.
        box (dict): Policy of the boxes. With ``partner='labelled'`` the pasted target is the ground
            truth. Defaults to ``dict(type='FrenchBox')``.
        teacher_mode (str): The teacher's mode in training: ``'train'`` (its dropout and its
            batch statistics are active) or ``'eval'``. Defaults to ``'train'``.
        complement (bool): Train on both mixtures of a pair: that of the box and that of the rest.
            Defaults to False.
        clean (dict, optional): A ``ConsistencyLoss`` between student and teacher on the unmixed
            images, partners included. Defaults to None.
        clean_weight (float): Its weight. Defaults to 1.0.
        **kwargs: See :class:`SemiBaseSegmentor`.

    Raises:
        UserError: If ``teacher_mode`` is unknown or ``complement`` is asked for without partners.
    """

    def __init__(
        self,
        student: dict,
        predict_on: str,
        consistency: dict = dict(type='ConsistencyLoss'),  # noqa: B006
        box: dict = dict(type='FrenchBox'),  # noqa: B006
        teacher_mode: str = 'train',
        complement: bool = False,
        clean: dict | None = None,
        clean_weight: float = 1.0,
        **kwargs,
    ) -> None:
        super().__init__(student, predict_on, with_teacher=True, box=box, **kwargs)
        if teacher_mode not in ('train', 'eval'):
            raise UserError(f"CutMix: unknown teacher_mode={teacher_mode!r}; use 'train' or 'eval'")
        self.teacher_mode = teacher_mode
        if self.denominators == 'global':
            consistency = dict(consistency, denominators='global')
            clean = dict(clean, denominators='global') if clean else None
        self.consistency = MODELS.build(consistency)
        if complement and self.box.partner == 'none':
            raise UserError("CutMix: complement=True needs partners; the box has partner='none'")
        self.complement = complement
        self.clean = MODELS.build(clean) if clean else None
        self.clean_weight = clean_weight

    def train(self, mode: bool = True) -> 'CutMix':
        """Set the mode of all but a teacher that stays in eval mode."""
        super().train(mode)
        if self.teacher_mode == 'eval':
            self.teacher.eval()
        return self

    def pseudo_label(self, views: Views, data_samples: dict[str, SampleList]) -> dict[str, Target]:
        """The teacher's logits are the target; where the partner is labelled, its ground truth."""
        targets = {
            view: dict(logits=logits, valid=self.valid(data_samples[view]))
            for view, logits in views.items()
        }
        if self.clean is not None:
            for target in targets.values():
                target['real'] = target['valid']
        if self.box.partner == 'labelled':
            target = targets['unsup_weak_mix']
            label = torch.cat([s.gt_sem_seg.data for s in data_samples['unsup_weak_mix']])
            known = label != self.ignore_index
            classes = F.one_hot(label * known, target['logits'].size(1)).movedim(-1, 1)
            target['logits'] = SURE * classes.to(target['logits'].dtype)
            target['valid'] = target['valid'] * known
        return targets

    def mix(self, inputs: Views, targets: dict[str, Target]) -> tuple[Tensor, Target]:
        """As the base; both mixtures of a pair and the unmixed images, where they are asked for."""
        image, target = super().mix(inputs, targets)
        if self.complement:
            own, partner, rest = targets['unsup_weak'], targets['unsup_weak_mix'], ~target['box']
            other = cutmix(self.strong(inputs), self.strong(inputs, '_mix'), rest)
            image = torch.cat([image, other])
            others = {key: cutmix(own[key], partner[key], rest) for key in own}
            others['box'] = rest
            target = {key: torch.cat([target[key], value]) for key, value in others.items()}
        if self.clean is not None:
            target['clean'] = torch.cat([inputs[view] for view in targets])
            target['real'] = torch.cat([each['real'] for each in targets.values()])
        return image, target

    def loss_unsup(self, image: Tensor, target: Target, views: Views) -> dict:
        """Consistency of the student on the mixture with the mixed teacher."""
        logits = self.segment(self.student, image)
        valid = target['valid'].unsqueeze(1)
        read = self.consistency.read(target['logits'])
        loss = self.consistency(logits, target['logits'], valid, read)
        confident = read[1]
        if self.consistency.divisor == 'valid':
            mask_ratio = (confident * valid).sum() / valid.sum().clamp(min=1)
        else:
            mask_ratio = confident.mean()
        losses = dict(loss_consistency=loss, mask_ratio=mask_ratio)
        if self.clean is not None:
            logits = self.segment(self.student, target['clean'])
            teacher = torch.cat(list(views.values()))
            clean = self.clean(logits, teacher, target['real'].unsqueeze(1))
            losses['loss_clean'] = self.clean_weight * clean
        return losses
