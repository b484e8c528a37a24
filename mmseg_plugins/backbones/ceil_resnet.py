from mmseg.models.backbones import ResNet
from mmseg.registry import MODELS


@MODELS.register_module()
class CeilResNet(ResNet):
    """mmseg's ResNet with the ceil-mode max pooling of the original DeepLab v2.

    At output stride 8 a side of ``n`` pixels, ``n`` a multiple of 8, gives ``n / 8 + 1`` positions
    instead of ``n / 8``; at ``8 k + 1`` pixels, as in a crop of 321, nothing changes.

    Source: French et al. (BMVC 2020), specification 4.1.

    Args:
        *args: See mmseg's ``ResNet``.
        **kwargs: See mmseg's ``ResNet``.
    """

    def _make_stem_layer(self, in_channels: int, stem_channels: int) -> None:
        super()._make_stem_layer(in_channels, stem_channels)
        self.maxpool.ceil_mode = True
