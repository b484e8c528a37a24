from mmseg.datasets import PascalVOCDataset
from mmseg.registry import DATASETS

from .split_list import SplitListDataset


@DATASETS.register_module()
class SplitVOCDataset(SplitListDataset):
    """Pascal VOC 2012 with the augmented masks, by split list; 21 classes with background."""

    PREPARE = 'voc12'
    METAINFO = PascalVOCDataset.METAINFO
