from mmseg.registry import MODELS
from torch import Tensor, nn

from mmseg_plugins.errors import UserError

from .quiet_head import QuietHead


@MODELS.register_module()
class DeepLabV2Head(QuietHead):
    """The DeepLab v2 classifier: parallel dilated 3x3 convolutions to the classes, summed.

    As in the code that French et al. and many others ran, only the first two branches contribute by
    default. The others keep their parameters, so that a checkpoint fits either setting, but these
    are frozen: without a gradient they would stop distributed training.

    Source: French et al. (BMVC 2020), specification 4.1.

    Args:
        in_channels (int): Channels of the feature map. Defaults to 2048.
        in_index (int): Which backbone feature map. Defaults to -1.
        dilations (tuple[int]): Dilation and padding of each branch. Defaults to (6, 12, 18, 24).
        live_branches (int): How many of them, from the first, are summed. Defaults to 2.
        align_corners (bool): For the resize to the size of the image. Defaults to True.
        init_cfg (dict, optional): Initialisation; None draws the weights from N(0, 0.01) and the
            biases as PyTorch does. Defaults to None.
        **kwargs: See ``BaseDecodeHead``, e.g. ``num_classes``.

    Raises:
        UserError: If there are not as many branches as ``live_branches``, or none is live.
    """

    def __init__(
        self,
        in_channels: int = 2048,
        in_index: int = -1,
        dilations: tuple[int, ...] = (6, 12, 18, 24),
        live_branches: int = 2,
        align_corners: bool = True,
        init_cfg: dict | None = None,
        **kwargs,
    ) -> None:
        if not 1 <= live_branches <= len(dilations):
            raise UserError(
                f'DeepLabV2Head: live_branches={live_branches} of the {len(dilations)} branches '
                f'dilations={dilations}; use 1 to {len(dilations)}'
            )
        super().__init__(
            in_channels,
            channels=in_channels,
            in_index=in_index,
            dropout_ratio=0,
            align_corners=align_corners,
            init_cfg=init_cfg,
            **kwargs,
        )
        del self.conv_seg  # the branches are the classifier
        self.live_branches = live_branches
        self.branches = nn.ModuleList(
            nn.Conv2d(in_channels, self.out_channels, 3, padding=dilation, dilation=dilation)
            for dilation in dilations
        )
        for branch in self.branches:
            nn.init.normal_(branch.weight, std=0.01)
        self.branches[live_branches:].requires_grad_(False)

    def forward(self, inputs: list[Tensor]) -> Tensor:
        """Turn backbone features into logits.

        Args:
            inputs (list[Tensor]): Feature maps (N, D, h, w) of the backbone.

        Returns:
            Tensor: Logits (N, C, h, w) at the size of the feature map.
        """
        x = self._transform_inputs(inputs)
        return sum(branch(x) for branch in self.branches[: self.live_branches])
