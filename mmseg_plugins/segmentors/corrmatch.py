import torch
import torch.nn.functional as F
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.utils import SampleList, add_prefix
from torch import Tensor, nn

from mmseg_plugins.errors import UserError
from mmseg_plugins.losses import (
    masked_cross_entropy,
    masked_kl_divergence,
    masked_nll,
    quiet_losses,
)
from mmseg_plugins.ops.precision import full_precision
from mmseg_plugins.ops.propagation import receive_regions, send_regions
from mmseg_plugins.ops.threshold import class_maxima, mean_of_maxima

from .eval_mode import evaluating
from .fit import check_crop, read_levels
from .semi_base import SemiBaseSegmentor, Target, Views, next_in_batch

# L = (0.5 Lx + 0.5 Lxc + 0.25 (Ls + Lkl + Lfp + Lcorr)) / 2; Lcorr is the mean of its two halves
LOSS_WEIGHTS = dict(
    sup=0.25, sup_corr=0.25, hard=0.125, kl=0.125, fp=0.125, corr_strong=0.0625, corr_weak=0.0625
)


@MODELS.register_module()
class CorrMatch(SemiBaseSegmentor):
    """CorrMatch: label propagation by correlation matching.

    Source: Sun et al., "CorrMatch: Label Propagation via Correlation Matching for Semi-Supervised
    Semantic Segmentation" (CVPR 2024), specification 1 and 2.

    Args:
        student (dict): Config of any mmseg encoder-decoder whose decode head turns backbone
            features into logits.
        correlation (dict): Config of :class:`CorrelationHead`.
        predict_on (str): Which network is evaluated. Defaults to ``'student'``, the only one.
        box (dict): Policy of the boxes. Defaults to ``dict(type='UniMatchBox')``.
        thresh_init (float): Threshold before the first step, in [0, 1]. Defaults to 0.85.
        thresh_momentum (float): Weight of the new value, in (0, 1]. Defaults to 0.001.
        thresh_update (bool): Move the threshold; False keeps ``thresh_init``. Defaults to True.
        perturb_ratio (float): Channel dropout of the perturbed features, in [0, 1). Defaults to
            0.5.
        perturb_levels (list[int], optional): Backbone levels that are perturbed. None perturbs
            what the decode head reads: the levels that it selects (``DeepLabV3PlusHead``: c1 and
            c4, as the reference), all if it selects none. Defaults to None.
        loss_weights (dict): Weight of each term in the total. Defaults to the reference's.
        **kwargs: See :class:`SemiBaseSegmentor`.

    Raises:
        UserError: If an option is out of range or unknown, the box policy has no partner, the crop
            is below the backbone's stride, or the correlation branch has another class count.
    """

    def __init__(
        self,
        student: dict,
        correlation: dict,
        predict_on: str = 'student',
        box: dict = dict(type='UniMatchBox'),  # noqa: B006
        thresh_init: float = 0.85,
        thresh_momentum: float = 0.001,
        thresh_update: bool = True,
        perturb_ratio: float = 0.5,
        perturb_levels: list[int] | None = None,
        loss_weights: dict = LOSS_WEIGHTS,
        **kwargs,
    ) -> None:
        super().__init__(student, predict_on, box=box, **kwargs)
        unknown = sorted(set(loss_weights) - set(LOSS_WEIGHTS))
        if unknown:
            raise UserError(
                f'CorrMatch: unknown loss_weights {unknown}; known are {list(LOSS_WEIGHTS)}'
            )
        if not 0 <= thresh_init <= 1:
            raise UserError(
                f'CorrMatch: thresh_init={thresh_init} is not a confidence; use 0..1, e.g. 0.85'
            )
        if not 0 < thresh_momentum <= 1:
            raise UserError(
                f'CorrMatch: thresh_momentum={thresh_momentum} is not a weight of the new value; '
                'use (0, 1], e.g. 0.001, or thresh_update=False for a fixed threshold'
            )
        if not 0 <= perturb_ratio < 1:
            raise UserError(
                f'CorrMatch: perturb_ratio={perturb_ratio} is not a share of channels to drop; use '
                '[0, 1), e.g. 0.5'
            )
        if self.box is None or self.box.partner not in ('stream', 'batch'):
            raise UserError(
                f"CorrMatch: box={box} pastes nothing; use a policy with partner='stream' or "
                "'batch' (prob=0 switches mixing off)"
            )
        check_crop(self.data_preprocessor, self.student.backbone)
        self.correlation = MODELS.build(correlation)
        classes, factors = self.student.out_channels, self.correlation.row.out_channels
        if classes != factors:
            raise UserError(
                f'CorrMatch: the student has {classes} classes, the correlation branch {factors}; '
                f'set correlation=dict(num_classes={classes}) or correct the student'
            )
        self.register_buffer('threshold', torch.tensor(float(thresh_init)))
        self.maxima = None  # of the classes, so far in an optimizer step of several batches
        self.thresh_momentum = thresh_momentum
        self.thresh_update = thresh_update
        self.perturb_ratio = perturb_ratio
        self.perturb_levels = perturb_levels
        self.loss_weights = {**LOSS_WEIGHTS, **loss_weights}

    # ------------------------------------------------------------------ steps

    def forward_views(self, inputs: Views) -> Views:
        """The partner in eval mode; then labelled and weak images in one batch, with gradient.

        A partner in the batch has been segmented with the weak images.

        Args:
            inputs (dict[str, Tensor]): View to images (N, 3, H, W).

        Returns:
            dict[str, Tensor]: Logits (N, C, H, W): ``unsup_weak_mix``, ``unsup_weak`` (no
            gradient), ``unsup_fp`` (from perturbed features), ``unsup_corr`` (propagated),
            ``sup_corr``; ``maps``, bool (N, K, H, W), of the unlabelled images; lists of tensors:
            ``sup_stages`` (logits of each decode head, of the last one at image size),
            ``sup_features``.
        """
        if not self.partner_in_batch:
            with torch.no_grad(), evaluating(self.student):
                partner = self.segment(self.student, inputs['unsup_weak_mix'])

        num = len(inputs['sup'])
        features = self.student.extract_feat(torch.cat([inputs['sup'], inputs['unsup_weak']]))
        *stages, last = self.decode(self.perturb(features))
        clean, perturbed = self.to_image(last, inputs['sup']).chunk(2)
        if self.partner_in_batch:
            partner = next_in_batch(clean[num:].detach())
        corr, maps = self.correlation(features, clean, map_rows=slice(num, None))
        return dict(
            unsup_weak_mix=partner,
            unsup_weak=clean[num:].detach(),
            unsup_fp=perturbed[num:],
            unsup_corr=corr[num:],
            maps=maps,
            sup_corr=corr[:num],
            sup_stages=[*(stage[:num] for stage in stages), clean[:num]],
            sup_features=[feature[:num] for feature in features],
        )

    def pseudo_label(self, views: Views, data_samples: dict[str, SampleList]) -> dict[str, Target]:
        """Hard labels; ``views['unsup_weak_prob']`` is set, because ``loss_unsup`` needs it too."""
        views['unsup_weak_prob'] = views['unsup_weak'].detach().softmax(dim=1)
        return super().pseudo_label(views, data_samples)

    def mix(self, inputs: Views, targets: dict[str, Target]) -> tuple[Tensor, Target]:
        """CutMix; the target keeps the weak view's own under ``weak``."""
        image, target = super().mix(inputs, targets)
        return image, dict(target, weak=targets['unsup_weak'])

    def loss_sup(self, inputs: Views, views: Views, data_samples: SampleList) -> dict:
        """The decode head's own criterion on its logits and on the propagated ones."""
        heads = self.decode_heads()
        losses = {}
        for i, (head, stage) in enumerate(zip(heads, views['sup_stages'], strict=True)):
            name = 'decode' if len(heads) == 1 else f'decode_{i}'
            losses.update(add_prefix(quiet_losses(head, stage, data_samples), name))
        if self.student.with_auxiliary_head:
            losses.update(
                self.student._auxiliary_head_forward_train(views['sup_features'], data_samples)
            )
        corr = add_prefix(quiet_losses(heads[-1], views['sup_corr'], data_samples), 'corr')
        return {
            **_weighted(losses, self.loss_weights['sup']),
            **_weighted(corr, self.loss_weights['sup_corr']),
        }

    def loss_unsup(self, image: Tensor, target: Target, views: Views) -> dict:
        """Threshold, region propagation, strong pass, and the terms on unlabelled images."""
        valid, weak = target['valid'], target['weak']
        if self.thresh_update:
            self.update_threshold(weak, valid)
        confident = (target['confidence'] >= self.threshold) & valid
        weak_confident = (weak['confidence'] >= self.threshold) & weak['valid']
        # On a GPU the regions travel to the host, and are walked there, while the strong pass runs.
        sent = send_regions(
            target['label'],
            confident,
            views.pop('maps'),
            self.threshold,
            self.student.out_channels,
            allowed=valid & ~target['box'].squeeze(1),
        )
        features = self.student.extract_feat(image)
        logits = self.to_image(self.decode(features)[-1], image)
        corr, _ = self.correlation(features, logits)
        label, passed = receive_regions(sent)
        log_prob = logits.log_softmax(dim=1)

        def on_weak(prediction):
            return masked_cross_entropy(
                prediction, weak['label'], weak_confident, weak['valid'], self.denominators
            )

        terms = dict(
            hard=masked_nll(log_prob, label, passed, valid, self.denominators),
            # the target is not mixed, also inside the box: so the reference has it
            kl=masked_kl_divergence(
                log_prob,
                views['unsup_weak'].detach().log_softmax(dim=1),
                views['unsup_weak_prob'],
                confident,
                valid,
                self.denominators,
            ),
            fp=on_weak(views['unsup_fp']),
            corr_strong=masked_cross_entropy(corr, label, passed, valid, self.denominators),
            corr_weak=on_weak(views['unsup_corr']),
        )
        losses = {f'loss_{name}': self.loss_weights[name] * term for name, term in terms.items()}
        real = valid.sum().clamp(min=1)
        return dict(
            losses,
            threshold=self.threshold.clone(),
            mask_ratio=confident.sum() / real,
            propagated_ratio=(passed & ~confident).sum() / real,
        )

    # ------------------------------------------------------------------ parts

    @torch.no_grad()
    def update_threshold(self, weak: Target, valid: Tensor) -> None:
        """Move the threshold towards the mean class maximum, equally on all ranks.

        In an optimizer step of several batches it moves once, with the last of them, by the
        maxima over all.

        Args:
            weak (dict[str, Tensor]): ``label`` and ``confidence`` of the weak views, not mixed.
            valid (Tensor): *Mixed* valid map, bool (N, H, W): so the reference has it.
        """
        classes = self.student.out_channels
        maxima = class_maxima(weak['label'], weak['confidence'], valid, classes)
        if self.maxima is not None:
            maxima = torch.maximum(maxima, self.maxima)
        self.maxima = None if self.ends_step else maxima
        if not self.ends_step:
            return
        new = mean_of_maxima(maxima)
        keep = 1 - self.thresh_momentum
        moved = keep * self.threshold + (1 - keep) * new
        self.threshold.copy_(torch.where(new.isnan(), self.threshold, moved))

    def perturb(self, features: list[Tensor]) -> list[Tensor]:
        """Append to each feature map a copy with channels dropped.

        Args:
            features (list[Tensor]): Maps (N, D, h, w).

        Returns:
            list[Tensor]: Maps (2N, D, h, w), clean ones first.
        """
        levels = self.perturb_levels
        if levels is None:
            levels = read_levels(self.decode_heads(), len(features))
        levels = {level % len(features) for level in levels}
        return [
            torch.cat([x, F.dropout2d(x, self.perturb_ratio) if level in levels else x])
            for level, x in enumerate(features)
        ]

    def decode_heads(self) -> list[nn.Module]:
        """The student's decode heads: one, or those of a cascade."""
        head = self.student.decode_head
        return list(head) if isinstance(head, nn.ModuleList) else [head]

    def decode(self, features: list[Tensor]) -> list[Tensor]:
        """Logits of each decode head, (N, C, h, w), the last being the network's.

        Raises:
            UserError: If a head returns something else than a map of logits.
        """
        stages = []
        for head in self.decode_heads():
            logits = head(features, *stages[-1:])
            if not isinstance(logits, Tensor):
                raise UserError(
                    f'CorrMatch: {type(head).__name__} returns {type(logits).__name__}, not a '
                    'map of logits; use a student whose decode head returns one tensor'
                )
            stages.append(full_precision(logits))
        return stages

    def to_image(self, logits: Tensor, image: Tensor) -> Tensor:
        """Resize logits as the decode head does, to the size of ``image``."""
        align_corners = self.student.align_corners
        return resize(logits, image.shape[2:], mode='bilinear', align_corners=align_corners)


def _weighted(losses: dict, weight: float) -> dict:
    return {name: weight * value if 'loss' in name else value for name, value in losses.items()}
