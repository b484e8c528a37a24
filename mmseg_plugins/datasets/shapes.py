from mmseg.registry import DATASETS

from .split_list import SplitListDataset


@DATASETS.register_module()
class ShapesDataset(SplitListDataset):
    """The generated benchmark of ``tools/prepare_data.py shapes``; VOC layout, 255 on borders."""

    METAINFO = dict(
        classes=('background', 'disc', 'square', 'triangle', 'star', 'ring'),
        palette=[[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128], [128, 0, 128]],
    )
