from .augment_points import AugmentPoints
from .center_crop import CenterCropSample
from .load_index_mask import LoadIndexMask
from .load_lidar_labels import LoadLidarLabels
from .load_lidar_points import LoadLidarPoints
from .load_valid_mask import LoadValidMask
from .multi_branch import MultiBranch
from .pack_scan_inputs import PackScanInputs
from .pack_valid_inputs import PackValidInputs
from .project_to_range import ProjectToRange
from .random_long_side_crop import RandomLongSideCrop
from .random_scale_window import RandomScaleWindow
from .remove_near_points import RemoveNearPoints
from .roll_columns import RollColumns
from .strong_augment import StrongAugment

__all__ = [
    'AugmentPoints',
    'CenterCropSample',
    'LoadIndexMask',
    'LoadLidarLabels',
    'LoadLidarPoints',
    'LoadValidMask',
    'MultiBranch',
    'PackScanInputs',
    'PackValidInputs',
    'ProjectToRange',
    'RandomLongSideCrop',
    'RandomScaleWindow',
    'RemoveNearPoints',
    'RollColumns',
    'StrongAugment',
]
