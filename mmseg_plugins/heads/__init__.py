from .correlation_head import CorrelationHead
from .deeplabv2_head import DeepLabV2Head
from .deeplabv3plus_head import DeepLabV3PlusHead
from .fid_head import FIDHead

__all__ = ['CorrelationHead', 'DeepLabV2Head', 'DeepLabV3PlusHead', 'FIDHead']
