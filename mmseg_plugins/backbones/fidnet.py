from collections.abc import Sequence

import torch
from mmcv.cnn import build_activation_layer, build_conv_layer, build_norm_layer
from mmengine.model import BaseModule
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from torch import Tensor, nn

ACT = dict(type='LeakyReLU', inplace=True)  # slope 0.01


class FIDBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut, a 1x1 one where the shape changes.

    Args:
        in_channels (int): Channels of the input.
        channels (int): Channels of the output.
        stride (int): Of the first convolution and the shortcut.
        norm_cfg (dict): Normalisation.
    """

    def __init__(self, in_channels: int, channels: int, stride: int, norm_cfg: dict) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *conv_norm(in_channels, channels, 3, norm_cfg, stride=stride),
            build_activation_layer(ACT),
            *conv_norm(channels, channels, 3, norm_cfg),
        )
        same = stride == 1 and in_channels == channels
        self.shortcut = (
            nn.Identity()
            if same
            else nn.Sequential(*conv_norm(in_channels, channels, 1, norm_cfg, stride=stride))
        )
        self.act = build_activation_layer(ACT)

    def forward(self, x: Tensor) -> Tensor:
        """(N, ``in_channels``, H, W) to (N, ``channels``, H / stride, W / stride)."""
        return self.act(self.body(x) + self.shortcut(x))


@MODELS.register_module()
class FIDNet(BaseModule):
    """FIDNet's backbone for range images ("ResNet34-point"): one map at the size of the image.

    Four 1x1 convolutions (a point-wise MLP), four residual stages of one width, of which the last
    three halve the resolution, and "fully interpolated decoding": what the stem and the stages give
    is upsampled bilinearly to the image's size and concatenated. No pre-training, no dropout.

    Source: specification (range view) 3.1; Zhao et al., "FIDNet: LiDAR point cloud semantic
    segmentation with fully interpolation decoding" (IROS 2021).

    Args:
        in_channels (int): Channels of the range image. Defaults to 6.
        stem_channels (Sequence[int]): Of the 1x1 convolutions. Defaults to (64, 128, 256, 512).
        channels (int): Width of all stages. Defaults to 128.
        num_blocks (Sequence[int]): Blocks of each stage. Defaults to (3, 4, 6, 3).
        norm_cfg (dict): Normalisation. Defaults to ``dict(type='SyncBN')``, which MMEngine turns
            into BN where there is one process.
        init_cfg (dict | list, optional): Initialisation; None draws the convolutions from
            Kaiming's normal law (fan out). Defaults to None.

    Attributes:
        out_channels (int): Channels of the map: the last of ``stem_channels`` plus those of all
            stages, 1024 by default.
    """

    def __init__(
        self,
        in_channels: int = 6,
        stem_channels: Sequence[int] = (64, 128, 256, 512),
        channels: int = 128,
        num_blocks: Sequence[int] = (3, 4, 6, 3),
        norm_cfg: dict = dict(type='SyncBN'),  # noqa: B006
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(
            init_cfg
            or [
                dict(type='Kaiming', layer='Conv2d', mode='fan_out', nonlinearity='relu'),
                dict(type='Constant', layer='_BatchNorm', val=1, bias=0),
            ]
        )
        self.in_channels = in_channels
        layers, last = [], in_channels
        for width in stem_channels:
            layers += conv_norm(last, width, 1, norm_cfg, bias=True)
            layers.append(build_activation_layer(ACT))
            last = width
        self.stem = nn.Sequential(*layers)
        self.stages = nn.ModuleList()
        for index, number in enumerate(num_blocks):
            blocks = []
            for block in range(number):
                stride = 2 if index and block == 0 else 1
                blocks.append(FIDBlock(last, channels, stride, norm_cfg))
                last = channels
            self.stages.append(nn.Sequential(*blocks))
        self.out_channels = stem_channels[-1] + channels * len(num_blocks)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Turn range images into features.

        Args:
            x (Tensor): Shape (N, ``in_channels``, H, W).

        Returns:
            tuple[Tensor]: One map (N, ``out_channels``, H, W).
        """
        size = x.shape[2:]
        x = self.stem(x)
        features = [x]
        for stage in self.stages:
            x = stage(x)
            same = x.shape[2:] == size
            up = x if same else resize(x, size, None, 'bilinear', align_corners=True, warning=False)
            features.append(up)
        return (torch.cat(features, dim=1),)


def conv_norm(
    in_channels: int,
    channels: int,
    kernel: int,
    norm_cfg: dict,
    stride: int = 1,
    bias: bool = False,
) -> list[nn.Module]:
    """A convolution that keeps the size (at stride 1), and its normalisation."""
    conv = build_conv_layer(
        None, in_channels, channels, kernel, stride=stride, padding=kernel // 2, bias=bias
    )
    return [conv, build_norm_layer(norm_cfg, channels)[1]]
