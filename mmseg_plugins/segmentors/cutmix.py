from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor

from mmseg_plugins.errors import UserError

from .semi_base import SemiBaseSegmentor, Target, Views


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
        consistency (dict): The loss. Defaults to ``dict(type='ConsistencyLoss')``.
        box (dict): Policy of the boxes. Defaults to ``dict(type='FrenchBox')``.
        teacher_mode (str): The teacher's mode in training: ``'train'`` (its dropout and its
            batch statistics are active) or ``'eval'``. Defaults to ``'train'``.
        **kwargs: See :class:`SemiBaseSegmentor`.

    Raises:
        UserError: If ``teacher_mode`` is unknown.
    """

    def __init__(
        self,
        student: dict,
        predict_on: str,
        consistency: dict = dict(type='ConsistencyLoss'),  # noqa: B006
        box: dict = dict(type='FrenchBox'),  # noqa: B006
        teacher_mode: str = 'train',
        **kwargs,
    ) -> None:
        super().__init__(student, predict_on, with_teacher=True, box=box, **kwargs)
        if teacher_mode not in ('train', 'eval'):
            raise UserError(f"CutMix: unknown teacher_mode={teacher_mode!r}; use 'train' or 'eval'")
        self.teacher_mode = teacher_mode
        if self.denominators == 'global':
            consistency = dict(consistency, denominators='global')
        self.consistency = MODELS.build(consistency)

    def train(self, mode: bool = True) -> 'CutMix':
        """Set the mode of all but a teacher that stays in eval mode."""
        super().train(mode)
        if self.teacher_mode == 'eval':
            self.teacher.eval()
        return self

    def pseudo_label(self, views: Views, data_samples: dict[str, SampleList]) -> dict[str, Target]:
        """The teacher's logits are the target."""
        return {
            view: dict(logits=logits, valid=self.valid(data_samples[view]))
            for view, logits in views.items()
        }

    def loss_unsup(self, image: Tensor, target: Target, views: Views) -> dict:
        """Consistency of the student on the mixture with the mixed teacher."""
        logits = self.segment(self.student, image)
        valid = target['valid'].unsqueeze(1)
        read = self.consistency.read(target['logits'])
        loss = self.consistency(logits, target['logits'], valid, read)
        return dict(loss_consistency=loss, mask_ratio=read[1].mean())
