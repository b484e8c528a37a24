from .load_index_mask import LoadIndexMask
from .load_valid_mask import LoadValidMask
from .multi_branch import MultiBranch
from .strong_augment import StrongAugment

__all__ = ['LoadIndexMask', 'LoadValidMask', 'MultiBranch', 'StrongAugment']
