import json
import os.path as osp

from mmseg.registry import DATASETS

from mmseg_plugins.errors import UserError

from .lidar.nuscenes_labels import TABLE
from .lidar_dataset import LidarDataset


@DATASETS.register_module()
class NuScenesLidarDataset(LidarDataset):
    """nuScenes-lidarseg, 32 beams, 16 classes; ids are sample tokens.

    Source: Fong et al. (RA-L 2022); specification 1.1.

    Args:
        index (str): File below ``data_prefix['img_path']`` that says which files belong to a token,
            written by ``prepare_data.py nuscenes``. Defaults to ``'index.json'``.
        **kwargs: See :class:`LidarDataset`; both prefixes are the folder that holds ``samples`` and
            ``lidarseg``.

    Raises:
        UserError: As :class:`LidarDataset`, for a token that the index lacks, and without an index.
    """

    PREPARE = 'nuscenes'
    FORMAT = 'nuscenes'
    METAINFO = TABLE.metainfo

    def __init__(self, index: str = 'index.json', **kwargs) -> None:
        self.index = index
        super().__init__(**kwargs)

    def image_names(self, ids: list[str]) -> list[str]:
        """The scans below the prefix."""
        index = self._read_index(ids)
        return [index[name][0] for name in ids]

    def mask_names(self, ids: list[str]) -> list[str]:
        """The label files below the prefix."""
        index = self._read_index(ids)
        return [index[name][1] for name in ids]

    def _read_index(self, ids: list[str]) -> dict:
        """Token to the files of its scan and labels, for all ids."""
        path = osp.join(self.data_prefix['img_path'], self.index)
        fix = f'write it with python tools/prepare_data.py {self.PREPARE}'
        try:
            with open(path, encoding='utf-8') as file:
                index = json.load(file)
        except (OSError, ValueError) as error:
            reason = getattr(error, 'strerror', None) or 'no JSON'
            raise UserError(f'{path}: cannot be read ({reason}); {fix}') from None
        if not isinstance(index, dict) or not all(map(_is_pair, index.values())):
            raise UserError(f'{path}: does not name a scan and its labels for each token; {fix}')
        unknown = [name for name in ids if name not in index]
        if unknown:
            raise UserError(
                f'{self.ann_file}: {unknown[0]!r} (and {len(unknown) - 1} more of {len(ids)}) is '
                f'no sample token of {path}; correct the list, or {self.list_from}'
            )
        return index


def _is_pair(files) -> bool:
    """Whether an entry of the index is two file names."""
    return isinstance(files, list) and len(files) == 2 and all(isinstance(f, str) for f in files)
