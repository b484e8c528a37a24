from .ade20k import SplitADE20KDataset
from .camvid import CamVidDataset
from .cityscapes import SplitCityscapesDataset
from .samplers import MultiSourceSampler
from .semi_dataset import SemiDataset
from .shapes import ShapesDataset
from .split_list import SplitListDataset
from .transforms import LoadIndexMask, LoadValidMask, MultiBranch, RandomLongSideCrop, StrongAugment
from .voc import SplitVOCDataset

__all__ = [
    'CamVidDataset',
    'LoadIndexMask',
    'LoadValidMask',
    'MultiBranch',
    'MultiSourceSampler',
    'RandomLongSideCrop',
    'SemiDataset',
    'ShapesDataset',
    'SplitADE20KDataset',
    'SplitCityscapesDataset',
    'SplitListDataset',
    'SplitVOCDataset',
    'StrongAugment',
]
