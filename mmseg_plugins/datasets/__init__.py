from .camvid import CamVidDataset
from .samplers import MultiSourceSampler
from .semi_dataset import SemiDataset
from .shapes import ShapesDataset
from .split_list import SplitListDataset
from .transforms import LoadIndexMask, LoadValidMask, MultiBranch, StrongAugment

__all__ = [
    'CamVidDataset',
    'LoadIndexMask',
    'LoadValidMask',
    'MultiBranch',
    'MultiSourceSampler',
    'SemiDataset',
    'ShapesDataset',
    'SplitListDataset',
    'StrongAugment',
]
