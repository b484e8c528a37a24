from .clipped_slide import ClippedSlideEncoderDecoder
from .corrmatch import CorrMatch
from .cutmix import CutMix
from .semi_base import SemiBaseSegmentor

__all__ = ['ClippedSlideEncoderDecoder', 'CorrMatch', 'CutMix', 'SemiBaseSegmentor']
