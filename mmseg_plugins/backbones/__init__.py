from .ceil_resnet import CeilResNet

__all__ = ['CeilResNet']
