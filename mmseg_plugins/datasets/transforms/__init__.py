from .center_crop import CenterCropSample
from .load_index_mask import LoadIndexMask
from .load_valid_mask import LoadValidMask
from .multi_branch import MultiBranch
from .pack_valid_inputs import PackValidInputs
from .random_long_side_crop import RandomLongSideCrop
from .random_scale_window import RandomScaleWindow
from .strong_augment import StrongAugment

__all__ = [
    'CenterCropSample',
    'LoadIndexMask',
    'LoadValidMask',
    'MultiBranch',
    'PackValidInputs',
    'RandomLongSideCrop',
    'RandomScaleWindow',
    'StrongAugment',
]
