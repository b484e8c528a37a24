"""The floor of a step: its network passes and a backward, nothing else."""

import torch
from mmseg.utils import SampleList
from torch import Tensor, nn

from mmseg_plugins.segmentors import CorrMatch, SemiBaseSegmentor
from mmseg_plugins.segmentors.eval_mode import evaluating


class BarePasses:
    """The forward passes of a step on its batch and a backward from ready gradients.

    No pseudo labels, maps or losses: what remains of a step is unavoidable. The images are those
    that the data preprocessor made; the strong pass sees them unmixed.

    Args:
        model (nn.Module): A segmentor in train mode.
        inputs (dict[str, Tensor] | Tensor): View to images, or those of a labelled batch.
        samples (dict | list): Their samples.
    """

    def __init__(self, model: nn.Module, inputs: dict | Tensor, samples: dict | SampleList) -> None:
        self.model = model
        if isinstance(model, SemiBaseSegmentor):
            inputs, _ = model.add_partner(inputs, samples)
        self.inputs = inputs
        self.gradients: list[Tensor] | None = None

    def __call__(self) -> None:
        """Run the passes; gradients are left in the parameters."""
        if isinstance(self.model, CorrMatch):
            outputs = self._corrmatch()
        elif isinstance(self.model, SemiBaseSegmentor):
            outputs = self._two_networks()
        else:
            outputs = [_logits(self.model, self.inputs)]
        if self.gradients is None:  # of the size that a mean over pixels has
            self.gradients = [torch.randn_like(out) / out[:, 0].numel() for out in outputs]
        torch.autograd.backward(outputs, self.gradients)

    def _corrmatch(self) -> list[Tensor]:
        model, inputs = self.model, self.inputs
        if not model.partner_in_batch:  # which takes no pass of its own
            with torch.no_grad(), evaluating(model.student):
                model.segment(model.student, inputs['unsup_weak_mix'])
        num = len(inputs['sup'])
        features = model.student.extract_feat(torch.cat([inputs['sup'], inputs['unsup_weak']]))
        logits = model.to_image(model.decode(model.perturb(features))[-1], inputs['sup'])
        clean, perturbed = logits.chunk(2)
        corr, _ = model.correlation(features, clean)
        strong = model.strong(inputs)
        features = model.student.extract_feat(strong)
        prediction = model.to_image(model.decode(features)[-1], strong)
        strong_corr, _ = model.correlation(features, prediction)
        return [clean[:num], perturbed[num:], corr, prediction, strong_corr]

    def _two_networks(self) -> list[Tensor]:
        model, inputs = self.model, self.inputs
        weak = model.forward_views(inputs)
        images = [inputs['sup'], model.strong(inputs)]
        if getattr(model, 'complement', False):  # both mixtures of a pair
            images[1] = torch.cat([images[1], model.strong(inputs, '_mix')])
        if getattr(model, 'clean', None) is not None:  # and the unmixed images
            images.append(torch.cat([inputs[view] for view in weak]))
        return [_logits(model.student, image) for image in images]


def _logits(network: nn.Module, image: Tensor) -> Tensor:
    return network.encode_decode(image, [dict(img_shape=image.shape[2:])] * len(image))
