"""Where CutMix boxes lie: the laws of the papers, built from the config."""

from .french_box import FrenchBox
from .strip_box import StripBox
from .unimatch_box import UniMatchBox

__all__ = ['FrenchBox', 'StripBox', 'UniMatchBox']
