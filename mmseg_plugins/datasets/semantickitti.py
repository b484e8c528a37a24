import re

from mmseg.registry import DATASETS

from mmseg_plugins.errors import UserError

from .lidar.semantickitti_labels import TABLE
from .lidar_dataset import LidarDataset


@DATASETS.register_module()
class SemanticKITTIDataset(LidarDataset):
    """SemanticKITTI, 64 beams, 19 classes; ids are ``<sequence>/<scan>``, e.g. ``03/000126``.

    Source: Behley et al. (ICCV 2019); specification 1.1.

    Args:
        label_dir (str): Folder of a sequence that holds its labels. Defaults to ``'labels'``.
        **kwargs: See :class:`LidarDataset`; both prefixes are the folder ``sequences``.

    Raises:
        UserError: As :class:`LidarDataset`, and for an id of another form.
    """

    PREPARE = 'semantickitti'
    FORMAT = 'semantickitti'
    METAINFO = TABLE.metainfo

    def __init__(self, label_dir: str = 'labels', **kwargs) -> None:
        self.label_dir = label_dir
        super().__init__(**kwargs)

    def image_names(self, ids: list[str]) -> list[str]:
        """The scans below ``sequences``."""
        for name in ids:
            if not re.fullmatch(r'\d\d/\d{6}', name):
                raise UserError(
                    f'{self.ann_file}: {name!r} is no scan of {self.PREPARE}, which are named '
                    f'<sequence>/<scan> like 03/000126; correct the list, or {self.list_from}'
                )
        return [f'{name[:2]}/velodyne/{name[3:]}.bin' for name in ids]

    def mask_names(self, ids: list[str]) -> list[str]:
        """The label files below ``sequences``."""
        return [f'{name[:2]}/{self.label_dir}/{name[3:]}.label' for name in ids]
