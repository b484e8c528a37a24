from collections.abc import Sequence

from mmcv.cnn import build_activation_layer, build_norm_layer
from mmseg.registry import MODELS
from torch import Tensor, nn

from .quiet_head import QuietHead


@MODELS.register_module()
class FIDHead(QuietHead):
    """FIDNet's classifier: 1x1 convolutions with batch norm, then one to the classes.

    The reference has an additional "void" output that is never a target; here the ignored label
    takes its place. Source: specification (range view) 3.1.

    Args:
        in_channels (int): Channels of the feature map. Defaults to 1024.
        hidden_channels (Sequence[int]): Of the convolutions before the classifier. Defaults to
            (512, 128).
        in_index (int): Which backbone feature map. Defaults to -1.
        norm_cfg (dict): Normalisation. Defaults to ``dict(type='SyncBN')``.
        align_corners (bool): For a resize to the size of the image, where the map is smaller.
            Defaults to True.
        init_cfg (dict, optional): Initialisation; None leaves PyTorch's. Defaults to None.
        **kwargs: See ``BaseDecodeHead``, e.g. ``num_classes``, ``loss_decode``.
    """

    def __init__(
        self,
        in_channels: int = 1024,
        hidden_channels: Sequence[int] = (512, 128),
        in_index: int = -1,
        norm_cfg: dict = dict(type='SyncBN'),  # noqa: B006
        align_corners: bool = True,
        init_cfg: dict | None = None,
        **kwargs,
    ) -> None:
        super().__init__(
            in_channels,
            channels=hidden_channels[-1],
            in_index=in_index,
            dropout_ratio=0,
            norm_cfg=norm_cfg,
            act_cfg=dict(type='LeakyReLU', inplace=True),
            align_corners=align_corners,
            init_cfg=init_cfg,
            **kwargs,
        )
        layers, last = [], in_channels
        for width in hidden_channels:
            layers += [
                nn.Conv2d(last, width, 1),
                build_norm_layer(norm_cfg, width)[1],
                build_activation_layer(self.act_cfg),
            ]
            last = width
        self.hidden = nn.Sequential(*layers)

    def forward(self, inputs: list[Tensor]) -> Tensor:
        """Turn backbone features into logits.

        Args:
            inputs (list[Tensor]): Feature maps of the backbone, the chosen one (N, D, H, W).

        Returns:
            Tensor: Logits (N, C, H, W).
        """
        return self.cls_seg(self.hidden(self._transform_inputs(inputs)))
