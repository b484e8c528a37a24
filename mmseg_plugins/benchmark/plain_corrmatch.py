import numpy as np
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor

from mmseg_plugins.segmentors import CorrMatch
from mmseg_plugins.segmentors.eval_mode import evaluating
from mmseg_plugins.segmentors.semi_base import Target, Views

from .plain_propagation import propagate_plainly


@MODELS.register_module()
class PlainCorrMatch(CorrMatch):
    """The step of :class:`CorrMatch`, transcribed from its specification with no thought of speed.

    Loops where the definition loops, binary maps of all images of both passes as full float maps,
    divided and compared, numbers read back where the definition counts. Same networks, options,
    draws and results; it is what the ratios of ``tools/benchmark_step.py --compare plain`` refer
    to, and no method to train with. Criteria other than the mean cross entropy over labelled
    pixels, cascades and accumulation are left to :class:`CorrMatch`.

    Source: specification 1.3 and 2.1 to 2.6.
    """

    def forward_views(self, inputs: Views) -> Views:
        """Passes 1 and 2, specification 2.1."""
        with torch.no_grad(), evaluating(self.student):
            partner = self.segment(self.student, inputs['unsup_weak_mix'])
        num = len(inputs['sup'])
        features = self.student.extract_feat(torch.cat([inputs['sup'], inputs['unsup_weak']]))
        logits = self.to_image(self.decode(self.perturb(features))[-1], inputs['sup'])
        clean, perturbed = logits.chunk(2)
        corr, maps = self.correlate(features, clean)
        return dict(
            unsup_weak_mix=partner,
            unsup_weak=clean[num:].detach(),
            unsup_fp=perturbed[num:],
            unsup_corr=corr[num:],
            maps=maps[num:],
            sup=clean[:num],
            sup_corr=corr[:num],
        )

    def correlate(self, features: list[Tensor], logits: Tensor) -> tuple[Tensor, Tensor]:
        """Propagated logits and maps of all images, specification 1.3."""
        head, size = self.correlation, logits.shape[2:]
        matrix, propagated = self.propagate(features, logits)
        feature_size = features[head.in_index].shape[2:]
        index = torch.randint(matrix.size(1) - 1, (head.num_maps,)).to(matrix.device)
        rows = matrix.detach()[:, index].unflatten(2, feature_size)
        return propagated, binarise_plainly(rows, size)

    def propagate(self, features: list[Tensor], logits: Tensor) -> tuple[Tensor, Tensor]:
        """The matrix, and the logits that it propagates, at image size."""
        head = self.correlation
        projected = head.projection(features[head.in_index])
        row, column = head.row(projected), head.column(projected)
        scale = float(np.sqrt(np.float32(row.size(1))))
        matrix = (row.flatten(2).transpose(1, 2) @ column.flatten(2) / scale).softmax(-1)
        small = F.interpolate(logits.detach(), row.shape[2:], mode='bilinear', align_corners=True)
        propagated = (small.flatten(2) @ matrix).view_as(small)
        return matrix, F.interpolate(
            propagated, logits.shape[2:], mode='bilinear', align_corners=True
        )

    def pseudo_label(self, views: Views, data_samples: dict[str, SampleList]) -> dict[str, Target]:
        """Label and confidence of both weak views, specification 2.1."""
        targets = {}
        for view in ('unsup_weak', 'unsup_weak_mix'):
            prob = views[view].softmax(dim=1)
            targets[view] = dict(
                label=prob.argmax(dim=1),
                confidence=prob.amax(dim=1),
                valid=self.valid(data_samples[view]) >= 1,
            )
        return targets

    def update_threshold(self, logits: Tensor, valid: Tensor) -> None:
        """Move the threshold, class by class, specification 2.3."""
        prob = logits.softmax(dim=1)
        label, confidence = prob.argmax(dim=1), prob.amax(dim=1)
        maxima = []
        for number in label.unique():
            of_class = confidence[(label == number) & valid]
            if of_class.numel():
                maxima.append(of_class.max().item())
        if maxima:
            new = torch.tensor(maxima).mean().to(self.threshold.device)
            keep = 1 - self.thresh_momentum
            self.threshold.copy_(keep * self.threshold + (1 - keep) * new)

    def loss_sup(self, inputs: Views, views: Views, data_samples: SampleList) -> dict:
        """Mean cross entropy of both predictions, specification 2.6."""
        label = torch.stack([sample.gt_sem_seg.data[0] for sample in data_samples]).long()
        losses = {}
        for name, view, key in (('decode', 'sup', 'sup'), ('corr', 'sup_corr', 'sup_corr')):
            loss = F.cross_entropy(
                views[view], label, reduction='none', ignore_index=self.ignore_index
            )
            count = (label != self.ignore_index).sum().item()
            losses[f'{name}.loss_ce'] = self.loss_weights[key] * loss.sum() / max(count, 1)
        return losses

    def loss_unsup(self, image: Tensor, target: Target, views: Views) -> dict:
        """Threshold, filter, propagation, pass 3 and its losses, specification 2.3 to 2.6."""
        valid, weak = target['valid'], target['weak']
        if self.thresh_update:
            self.update_threshold(views['unsup_weak'], valid)
        confident = (target['confidence'] >= self.threshold) & valid
        maps = views['maps'] & ~target['box'] & valid.unsqueeze(1)
        label, passed = propagate_plainly(target['label'], confident, maps, self.threshold)
        weak_confident = (weak['confidence'] >= self.threshold) & weak['valid']

        features = self.student.extract_feat(image)
        logits = self.to_image(self.decode(features)[-1], image)
        corr, _ = self.correlate(features, logits)

        num, num_weak = valid.sum().item(), weak['valid'].sum().item()

        def hard(prediction, label, mask, count):
            loss = F.cross_entropy(prediction, label, reduction='none')
            return (loss * mask.float()).sum() / max(count, 1)

        divergence = F.kl_div(
            logits.log_softmax(dim=1), views['unsup_weak'].softmax(dim=1), reduction='none'
        ).sum(dim=1)
        terms = dict(
            hard=hard(logits, label, passed, num),
            kl=(divergence * confident.float()).sum() / max(num, 1),
            fp=hard(views['unsup_fp'], weak['label'], weak_confident, num_weak),
            corr_strong=hard(corr, label, passed, num),
            corr_weak=hard(views['unsup_corr'], weak['label'], weak_confident, num_weak),
        )
        losses = {f'loss_{name}': self.loss_weights[name] * term for name, term in terms.items()}
        ratio = confident.sum().item() / max(num, 1)
        return dict(
            losses,
            threshold=self.threshold.clone(),
            mask_ratio=torch.tensor(ratio, device=image.device),
        )


def binarise_plainly(rows: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize each map, divide it by its range and compare, specification 1.3.

    Args:
        rows (Tensor): Float (N, K, h, w).
        size (tuple[int, int]): ``(H, W)``.

    Returns:
        Tensor: Bool (N, K, H, W); a constant map is NaN and so empty.
    """
    resized = F.interpolate(rows, size, mode='bilinear', align_corners=True)
    low = resized.flatten(2).amin(dim=2)[..., None, None]
    high = resized.flatten(2).amax(dim=2)[..., None, None]
    return (resized + (-low)) / (high - low) > 0.5
