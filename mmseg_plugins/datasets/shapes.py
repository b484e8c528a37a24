from mmseg.registry import DATASETS

from .prepare.scene import CLASSES, PALETTE
from .split_list import SplitListDataset


@DATASETS.register_module()
class ShapesDataset(SplitListDataset):
    """The generated benchmark of ``tools/prepare_data.py shapes``; VOC layout, 255 on borders."""

    PREPARE = 'shapes'
    METAINFO = dict(classes=CLASSES, palette=[list(colour) for colour in PALETTE])
