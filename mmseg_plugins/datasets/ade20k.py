from mmseg.datasets import ADE20KDataset
from mmseg.registry import DATASETS

from .split_list import SplitListDataset


@DATASETS.register_module()
class SplitADE20KDataset(SplitListDataset):
    """ADE20K by split list; 150 classes, of which id 0 of the files ("other") is none.

    Args:
        reduce_zero_label (bool): Make id 0 ignored and id 1 the first class. Defaults to True.
        **kwargs: See :class:`SplitListDataset`.
    """

    PREPARE = 'ade20k'
    METAINFO = ADE20KDataset.METAINFO

    def __init__(self, reduce_zero_label: bool = True, **kwargs) -> None:
        super().__init__(reduce_zero_label=reduce_zero_label, **kwargs)
