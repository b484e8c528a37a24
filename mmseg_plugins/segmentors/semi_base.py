from abc import abstractmethod

import torch
from mmseg.registry import MODELS, TASK_UTILS
from mmseg.utils import SampleList, add_prefix
from torch import Tensor, nn

from mmseg_plugins.errors import UserError
from mmseg_plugins.losses import global_criteria
from mmseg_plugins.ops.cutmix import box_mask, cutmix, cutout
from mmseg_plugins.ops.denominator import check_denominators
from mmseg_plugins.ops.precision import full_precision
from mmseg_plugins.ops.pseudo_label import hard_label

from .evaluated import EvaluatedSegmentor
from .fit import check_partner

Views = dict[str, Tensor]
Target = dict[str, Tensor]


class SemiBaseSegmentor(EvaluatedSegmentor):
    """Trains any mmseg encoder-decoder on labelled and unlabelled images.

    One step is a template that reads like a paper; a method overrides the steps in which it
    differs:

    ========================  ===================================================================
    ``forward_views``         passes over clean images, e.g. logits of the weak view
    ``pseudo_label``          a target for each unlabelled view
    ``mix``                   the strong image and its target, e.g. by CutMix
    ``loss_sup``              losses on the labelled view
    ``loss_unsup``            losses on the strong view (the one step a method must write)
    ========================  ===================================================================

    Views: ``sup``; ``unsup_weak``, ``unsup_strong``; ``unsup_weak_mix``, ``unsup_strong_mix`` of
    CutMix partners. Without strong augmentation the weak view takes the strong one's place.

    Attributes:
        teacher_moves (bool): Set by the hook that moves the teacher, when training starts.
        ends_step (bool): Whether an optimizer step follows the batch; set by the train loop.

    Args:
        student (dict): Config of any mmseg encoder-decoder.
        predict_on (str): ``'student'`` or ``'teacher'``: which network is evaluated.
        with_teacher (bool): Keep a second network, moved by ``MeanTeacherHook``. Defaults to False.
        box (dict, optional): Policy of the CutMix boxes, e.g. ``dict(type='FrenchBox')``. Defaults
            to None.
        unsup_weight (float): Weight of the unlabelled losses. Defaults to 1.0.
        ignore_index (int): Label of pixels without a class. Defaults to 255.
        denominators (str): Whose pixels a mean over pixels is taken over, also in the student's own
            criteria and in OHEM: ``'rank'``, as the references have it, or ``'global'``, which
            gives the same on any number of ranks. Defaults to ``'rank'``.
        data_preprocessor (dict, optional): ``MultiBranchDataPreprocessor``. Defaults to None.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        UserError: If ``predict_on`` names a network that is not there, the student has one output
            channel, or ``denominators`` is unknown or more than one of its criteria can.
    """

    def __init__(
        self,
        student: dict,
        predict_on: str,
        with_teacher: bool = False,
        box: dict | None = None,
        unsup_weight: float = 1.0,
        ignore_index: int = 255,
        denominators: str = 'rank',
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        networks = ['student', 'teacher'] if with_teacher else ['student']
        if predict_on not in networks:
            raise UserError(
                f'{type(self).__name__}: predict_on={predict_on!r} is not one of its networks '
                f'{networks}'
            )
        check_denominators(denominators, type(self).__name__)
        if denominators == 'global':
            student = global_criteria(student, type(self).__name__)
        self.student = MODELS.build(student)
        if self.student.out_channels == 1:
            raise UserError(
                f'{type(self).__name__}: the student has one output channel (sigmoid); pseudo '
                'labels need a softmax over classes: set out_channels=2 in its decode_head'
            )
        self.teacher = MODELS.build(student).requires_grad_(False) if with_teacher else None
        self.teacher_moves = False
        self.ends_step = True
        self.denominators = denominators
        self.predict_on = predict_on
        self.box = TASK_UTILS.build(box) if box else None
        self.unsup_weight = unsup_weight
        self.unsup_ramp = 1.0  # moved by hooks
        self.ignore_index = ignore_index

    # ------------------------------------------------------------------ one step

    def forward(
        self,
        inputs: Views | Tensor,
        data_samples: dict | SampleList | None = None,
        mode: str = 'tensor',
    ) -> dict | SampleList | Tensor:
        """What a runner calls: mmseg's ``BaseSegmentor.forward``.

        Raises:
            UserError: If the model trains with a teacher that nothing moves.
        """
        stuck = self.teacher is not None and not self.teacher_moves
        if mode == 'loss' and self.training and stuck:
            raise UserError(
                f'{type(self).__name__}: no hook moves the teacher, which would stay at its random '
                "start; add dict(type='MeanTeacherHook', momentum=0.01) to custom_hooks"
            )
        return super().forward(inputs, data_samples, mode)

    def loss(self, inputs: Views, data_samples: dict[str, SampleList]) -> dict:
        """One training step.

        Args:
            inputs (dict[str, Tensor]): View to images (N, 3, H, W).
            data_samples (dict[str, list[SegDataSample]]): View to samples.

        Returns:
            dict[str, Tensor]: ``sup.*`` and ``unsup.*``; keys with "loss" are summed, the others
            logged.
        """
        inputs, data_samples = self.add_partner(inputs, data_samples)
        views = self.forward_views(inputs)
        targets = self.pseudo_label(views, data_samples)
        image, target = self.mix(inputs, targets)
        losses = add_prefix(self.loss_sup(inputs, views, data_samples['sup']), 'sup')
        weight = self.unsup_weight * self.unsup_ramp
        for name, value in self.loss_unsup(image, target, views).items():
            is_loss = 'loss' in name
            losses[f'unsup.{name}' if is_loss else name] = weight * value if is_loss else value
        return losses

    @torch.no_grad()
    def forward_views(self, inputs: Views) -> Views:
        """Logits of the weak views by the teacher, else the student, without gradient.

        Args:
            inputs (dict[str, Tensor]): View to images.

        Returns:
            dict[str, Tensor]: Weak view to logits (N, C, H, W).
        """
        network = self.student if self.teacher is None else self.teacher
        if self.partner_in_batch:
            logits = self.segment(network, inputs['unsup_weak'])
            return dict(unsup_weak=logits, unsup_weak_mix=next_in_batch(logits))
        weak = [view for view in ('unsup_weak', 'unsup_weak_mix') if view in inputs]
        return {view: self.segment(network, inputs[view]) for view in weak}

    def pseudo_label(self, views: Views, data_samples: dict[str, SampleList]) -> dict[str, Target]:
        """Hard labels of the weak views.

        Args:
            views (dict[str, Tensor]): What ``forward_views`` returned; where there is a
                ``<view>_prob``, it is the softmax of that view.
            data_samples (dict[str, list[SegDataSample]]): View to samples.

        Returns:
            dict[str, dict[str, Tensor]]: View to ``label`` (int64), ``confidence`` and ``valid``
            (bool), each (N, H, W).
        """
        targets = {}
        for view in ('unsup_weak', 'unsup_weak_mix'):
            if view in views:
                label, confidence = hard_label(views[view].detach(), views.get(f'{view}_prob'))
                # a hard label needs a pixel that is wholly real
                valid = self.valid(data_samples[view]) >= 1
                targets[view] = dict(label=label, confidence=confidence, valid=valid)
        return targets

    def mix(self, inputs: Views, targets: dict[str, Target]) -> tuple[Tensor, Target]:
        """The strong image and its target, mixed or cut out by the box policy if there is one.

        Args:
            inputs (dict[str, Tensor]): View to images.
            targets (dict[str, dict[str, Tensor]]): What ``pseudo_label`` returned.

        Returns:
            tuple[Tensor, dict[str, Tensor]]: Images (N, 3, H, W) and their target; with a policy it
            has ``box``, bool (N, 1, H, W), True where the partner was pasted (CutOut: kept).
        """
        image, target = self.strong(inputs), targets['unsup_weak']
        if self.box is None:
            return image, target
        size = tuple(image.shape[2:])
        mask = box_mask(self.box(len(image), size), size, image.device)
        if self.box.partner == 'none':
            valid = cutout(target['valid'], mask)
            return cutout(image, mask), dict(target, valid=valid, box=mask)
        partner = targets['unsup_weak_mix']
        image = cutmix(image, self.strong(inputs, '_mix'), mask)
        target = {key: cutmix(value, partner[key], mask) for key, value in target.items()}
        return image, dict(target, box=mask)

    def loss_sup(self, inputs: Views, views: Views, data_samples: SampleList) -> dict:
        """The student's own losses on the labelled view.

        Args:
            inputs (dict[str, Tensor]): View to images.
            views (dict[str, Tensor]): What ``forward_views`` returned.
            data_samples (list[SegDataSample]): Samples of the labelled view.

        Returns:
            dict[str, Tensor]: Losses and metrics.
        """
        return self.student.loss(inputs['sup'], data_samples)

    @abstractmethod
    def loss_unsup(self, image: Tensor, target: Target, views: Views) -> dict:
        """Losses on the strong view.

        Args:
            image (Tensor): What ``mix`` returned, (N, 3, H, W).
            target (dict[str, Tensor]): Its target.
            views (dict[str, Tensor]): What ``forward_views`` returned.

        Returns:
            dict[str, Tensor]: Losses (with "loss" in the name) and metrics.
        """

    # ------------------------------------------------------------------ parts that steps share

    @property
    def partner_in_batch(self) -> bool:
        """Whether the CutMix partner is the next image of the batch, which has been segmented."""
        return self.box is not None and self.box.partner == 'batch'

    def segment(self, network: nn.Module, image: Tensor) -> Tensor:
        """Logits of a network at the size of its input.

        Args:
            network (nn.Module): Student or teacher.
            image (Tensor): Shape (N, 3, H, W).

        Returns:
            Tensor: Shape (N, C, H, W), float32 also under autocast.
        """
        metas = [dict(img_shape=image.shape[2:])] * len(image)
        return full_precision(network.encode_decode(image, metas))

    def valid(self, data_samples: SampleList) -> Tensor:
        """Where pixels are real: not padding and not ignored.

        Args:
            data_samples (list[SegDataSample]): Samples with ``valid`` (:class:`PackValidInputs`),
                else with ``gt_sem_seg`` (:class:`LoadValidMask`).

        Returns:
            Tensor: Shape (N, H, W): from ``valid`` float in [0, 1], soft at the border of padding;
            else bool.
        """
        if 'valid' in data_samples[0]:
            return torch.cat([sample.valid.data for sample in data_samples])
        annotation = torch.cat([sample.gt_sem_seg.data for sample in data_samples])
        return annotation != self.ignore_index

    def strong(self, inputs: Views, suffix: str = '') -> Tensor:
        """The strong view, or the weak one where the pipeline makes no strong one."""
        return inputs.get(f'unsup_strong{suffix}', inputs[f'unsup_weak{suffix}'])

    def add_partner(self, inputs: Views, data_samples: dict) -> tuple[Views, dict]:
        """Add the ``*_mix`` views where the box policy takes images that the batch has.

        Args:
            inputs (dict[str, Tensor]): View to images.
            data_samples (dict[str, list[SegDataSample]]): View to samples.

        Returns:
            tuple[dict, dict]: Both, complete.

        Raises:
            UserError: If the policy takes partners from a stream that the loader does not have, or
                that stream's batch differs in size.
        """
        if self.box is None or self.box.partner == 'none':
            return inputs, data_samples
        if self.partner_in_batch:
            weak = [view for view in ('unsup_weak', 'unsup_strong') if view in inputs]
            rolled = {f'{view}_mix': next_in_batch(inputs[view]) for view in weak}
            samples = {f'{v}_mix': [*data_samples[v][1:], data_samples[v][0]] for v in weak}
            return {**inputs, **rolled}, {**data_samples, **samples}
        if self.box.partner == 'labelled':
            inputs = {**inputs, 'unsup_weak_mix': inputs['sup']}
            data_samples = {**data_samples, 'unsup_weak_mix': data_samples['sup']}
        check_partner(self, inputs)
        return inputs, data_samples


def next_in_batch(values: Tensor) -> Tensor:
    """For each image of a batch (N, ...) what belongs to the next one."""
    return values.roll(-1, dims=0)
