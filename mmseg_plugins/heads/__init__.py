from .correlation_head import CorrelationHead
from .deeplabv3plus_head import DeepLabV3PlusHead

__all__ = ['CorrelationHead', 'DeepLabV3PlusHead']
