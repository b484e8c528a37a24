from .ceil_resnet import CeilResNet
from .fidnet import FIDNet

__all__ = ['CeilResNet', 'FIDNet']
