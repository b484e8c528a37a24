from mmseg.datasets import CityscapesDataset
from mmseg.registry import DATASETS

from .split_list import SplitListDataset


@DATASETS.register_module()
class SplitCityscapesDataset(SplitListDataset):
    """Cityscapes by split list; 19 training ids.

    Args:
        img_suffix (str): Defaults to ``'_leftImg8bit.png'``.
        seg_map_suffix (str): Defaults to ``'_gtFine_labelTrainIds.png'``.
        **kwargs: See :class:`SplitListDataset`.
    """

    PREPARE = 'cityscapes'
    METAINFO = CityscapesDataset.METAINFO

    def __init__(
        self,
        img_suffix: str = '_leftImg8bit.png',
        seg_map_suffix: str = '_gtFine_labelTrainIds.png',
        **kwargs,
    ) -> None:
        super().__init__(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs)
