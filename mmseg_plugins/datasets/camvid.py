from mmseg.registry import DATASETS

from .split_list import SplitListDataset


@DATASETS.register_module()
class CamVidDataset(SplitListDataset):
    """CamVid in the 480 x 360, 11-class form of the SegNet tutorial.

    Id 11 (unlabelled) becomes 255. Source: Brostow, Fauqueur and Cipolla, 2008.
    """

    PREPARE = 'camvid'
    METAINFO = dict(
        classes=(
            'sky', 'building', 'pole', 'road', 'pavement', 'tree',
            'sign-symbol', 'fence', 'car', 'pedestrian', 'bicyclist',
        ),
        palette=[
            [128, 128, 128], [128, 0, 0], [192, 192, 128], [128, 64, 128],
            [0, 0, 192], [128, 128, 0], [192, 128, 128], [64, 64, 128],
            [64, 0, 128], [64, 64, 0], [0, 128, 192],
        ],
    )  # fmt: skip

    @classmethod
    def get_label_map(cls, new_classes=None) -> dict:
        """Add the ignored id to mmseg's map of old to new ids."""
        return {11: 255, **(super().get_label_map(new_classes) or {})}
