import torch
from mmengine.hooks import Hook
from mmseg.registry import HOOKS


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Keeps weights and feature maps in NHWC order, in which many convolutions are faster.

    It holds for all networks of the model, not for an average that ``EMAHook`` keeps; images follow
    at the first convolution. Results are equal up to rounding, because other kernels add in another
    order. Weights are drawn before, so a seed starts from the same ones.
    """

    priority = 'HIGH'  # before MeanTeacherHook collects tensors, of which buffers are replaced

    def before_train(self, runner) -> None:
        """Reorder the weights in place; the optimizer keeps them."""
        runner.model.to(memory_format=torch.channels_last)
