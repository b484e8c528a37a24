from .corrmatch import CorrMatch
from .cutmix import CutMix
from .semi_base import SemiBaseSegmentor

__all__ = ['CorrMatch', 'CutMix', 'SemiBaseSegmentor']
