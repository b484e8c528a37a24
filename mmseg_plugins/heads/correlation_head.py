import torch
from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmseg_plugins.errors import UserError
from mmseg_plugins.ops.correlation import binary_maps, correlation_matrix, propagate_logits
from mmseg_plugins.ops.precision import full_precision


@MODELS.register_module()
class CorrelationHead(BaseModule):
    """CorrMatch's correlation branch: propagates logits along feature similarity.

    The gradient flows through the correlation matrix only, not through the logits.

    Source: CorrMatch (CVPR 2024), specification 1.3.

    Args:
        in_channels (int): Channels of the backbone feature map it reads.
        num_classes (int): Channels C of both correlation factors.
        channels (int): Channels of the projection. Defaults to 256.
        in_index (int): Which backbone feature map. Defaults to -1.
        num_maps (int): Rows sampled as region maps. Defaults to 128.
        dropout_ratio (float): Channel dropout after the projection. Defaults to 0.1.
        norm_cfg (dict): Normalisation of the projection. Defaults to ``dict(type='SyncBN')``.
        init_cfg (dict, optional): Initialisation; None keeps PyTorch's. Defaults to None.

    Raises:
        UserError: If ``num_maps`` is not a whole number of at least one.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        channels: int = 256,
        in_index: int = -1,
        num_maps: int = 128,
        dropout_ratio: float = 0.1,
        norm_cfg: dict = dict(type='SyncBN', requires_grad=True),  # noqa: B006
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if not isinstance(num_maps, int) or num_maps < 1:
            raise UserError(
                f'CorrelationHead: num_maps={num_maps} samples no region map; use a whole number '
                'of 1 or more, the reference has 128'
            )
        self.in_index = in_index
        self.num_maps = num_maps
        self.projection = nn.Sequential(  # mmcv's ConvModule would initialise it its own way
            nn.Conv2d(in_channels, channels, 3, padding=1),
            build_norm_layer(norm_cfg, channels)[1],
            nn.ReLU(inplace=True),
            nn.Dropout2d(dropout_ratio),
        )
        self.row = nn.Conv2d(channels, num_classes, 1)
        self.column = nn.Conv2d(channels, num_classes, 1)

    def forward(
        self, features: list[Tensor], logits: Tensor, map_rows: slice = slice(0)
    ) -> tuple[Tensor, Tensor]:
        """Propagate logits and sample region maps.

        Args:
            features (list[Tensor]): Backbone features; ``features[in_index]`` is (N, D, h, w).
            logits (Tensor): Class logits at image size, (N, C, H, W).
            map_rows (slice): The images whose maps are wanted. Defaults to none. The sampled
                positions are drawn from the CPU generator in any case, once for all images.

        Returns:
            tuple[Tensor, Tensor]: Propagated logits (N, C, H, W), and bool maps (M, K, H, W) of the
            M images selected.

        Raises:
            UserError: If the feature map has less than two positions.
        """
        size, projected = logits.shape[2:], self.projection(features[self.in_index])
        feature_size = projected.shape[2:]
        if feature_size.numel() < 2:
            raise UserError(
                f'CorrelationHead: an image of {tuple(size)} pixels has a feature map of '
                f'{tuple(feature_size)}, too small to sample positions from; use a larger crop'
            )
        row, column = self.row(projected), self.column(projected)
        small = resize(logits.detach(), feature_size, mode='bilinear', align_corners=True)
        # half floats overflow under mixed precision: a column of the matrix sums to up to h * w
        with torch.autocast(row.device.type, enabled=False):
            matrix = correlation_matrix(full_precision(row), full_precision(column))
            propagated = propagate_logits(full_precision(small), matrix)
        propagated = resize(propagated, size, mode='bilinear', align_corners=True)
        # the last position is never drawn: the reference's upper bound is exclusive twice
        sampled = torch.randint(matrix.size(1) - 1, (self.num_maps,))
        sampled = sampled.to(matrix.device, non_blocking=True)
        rows = matrix.detach()[map_rows].index_select(1, sampled)
        return propagated, binary_maps(rows, tuple(feature_size), tuple(size))
