import torch
from mmcv.cnn import build_activation_layer, build_conv_layer, build_norm_layer
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from torch import Tensor, nn

from .quiet_head import QuietHead


@MODELS.register_module()
class DeepLabV3PlusHead(QuietHead):
    """The DeepLabV3+ decoder of UniMatch and CorrMatch; with options, that of French et al.

    It differs from mmseg's ``DepthwiseSeparableASPPHead``: ordinary instead of separable
    convolutions, a 1x1 instead of a 3x3 ASPP projection, no dropout, ``align_corners=True``,
    PyTorch's default initialisation, and the order of the concatenations (ASPP: 1x1, dilated,
    pooled; decoder: reduced c1, then ASPP). French et al. took torchvision's ASPP, which ends in a
    dropout: ``aspp_dropout_ratio=0.5``, ``kaiming=True``, ``align_corners=False``.

    Source: CorrMatch (CVPR 2024), specification 1.2; French et al. (BMVC 2020), specification 4.2.

    Args:
        in_channels (tuple[int, int]): Channels of c1 (stride 4) and c4 (stride 8).
            Defaults to (256, 2048).
        in_index (tuple[int, int]): Which backbone feature maps c1 and c4 are. Defaults to (0, 3).
        channels (int): Channels of each ASPP branch and of the decoder. Defaults to 256.
        c1_channels (int): Channels of the reduced c1. Defaults to 48.
        dilations (tuple[int]): Dilation of the 3x3 branches. Defaults to (12, 24, 36).
        norm_cfg (dict): Normalisation. Defaults to ``dict(type='SyncBN')``.
        dropout_ratio (float): Dropout before the classifier. Defaults to 0.
        aspp_dropout_ratio (float): Dropout of single elements after the ASPP. Defaults to 0.
        kaiming (bool): Draw the weights of every convolution by Kaiming's normal rule, in PyTorch's
            default mode. Defaults to False.
        align_corners (bool): For every resize. Defaults to True.
        init_cfg (dict, optional): Initialisation; None keeps PyTorch's. Defaults to None.
        **kwargs: See ``BaseDecodeHead``, e.g. ``num_classes``.
    """

    def __init__(
        self,
        in_channels: tuple[int, int] = (256, 2048),
        in_index: tuple[int, int] = (0, 3),
        channels: int = 256,
        c1_channels: int = 48,
        dilations: tuple[int, ...] = (12, 24, 36),
        norm_cfg: dict = dict(type='SyncBN', requires_grad=True),  # noqa: B006
        dropout_ratio: float = 0,
        aspp_dropout_ratio: float = 0,
        kaiming: bool = False,
        align_corners: bool = True,
        init_cfg: dict | None = None,
        **kwargs,
    ) -> None:
        super().__init__(
            in_channels,
            channels,
            in_index=in_index,
            input_transform='multiple_select',
            norm_cfg=norm_cfg,
            dropout_ratio=dropout_ratio,
            align_corners=align_corners,
            init_cfg=init_cfg,
            **kwargs,
        )
        c1_in, c4_in = self.in_channels
        self.aspp = nn.ModuleList(
            [self._layer(c4_in, channels, 1)]
            + [self._layer(c4_in, channels, 3, dilation) for dilation in dilations]
        )
        self.image_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), *self._layer(c4_in, channels, 1))
        self.bottleneck = self._layer((len(dilations) + 2) * channels, channels, 1)
        self.aspp_dropout = nn.Dropout(aspp_dropout_ratio)
        self.c1_bottleneck = self._layer(c1_in, c1_channels, 1)
        self.fusion = nn.Sequential(
            self._layer(c1_channels + channels, channels, 3), self._layer(channels, channels, 3)
        )
        if kaiming:
            for module in self.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight)

    def _layer(self, in_channels: int, channels: int, kernel: int, dilation: int = 1):
        """Convolution, norm, activation; ``ConvModule`` would initialise them its own way."""
        padding = dilation * (kernel // 2)
        return nn.Sequential(
            build_conv_layer(
                self.conv_cfg,
                in_channels,
                channels,
                kernel,
                padding=padding,
                dilation=dilation,
                bias=False,
            ),
            build_norm_layer(self.norm_cfg, channels)[1],
            build_activation_layer(self.act_cfg),
        )

    def forward(self, inputs: list[Tensor]) -> Tensor:
        """Turn backbone features into logits.

        Args:
            inputs (list[Tensor]): Feature maps (N, D, h, w) of the backbone.

        Returns:
            Tensor: Logits (N, C, h, w) at the size of c1.
        """
        c1, c4 = self._transform_inputs(inputs)
        pooled = self._resize(self.image_pool(c4), c4)
        x = self.bottleneck(torch.cat([*(branch(c4) for branch in self.aspp), pooled], dim=1))
        x = self.aspp_dropout(x)
        x = torch.cat([self.c1_bottleneck(c1), self._resize(x, c1)], dim=1)
        return self.cls_seg(self.fusion(x))

    def _resize(self, x: Tensor, like: Tensor) -> Tensor:
        return resize(x, like.shape[2:], mode='bilinear', align_corners=self.align_corners)
