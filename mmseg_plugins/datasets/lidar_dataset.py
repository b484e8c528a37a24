from mmseg_plugins.errors import UserError

from .lidar.broken_scan import BrokenScanError
from .lidar.read_scan import read_labels, read_points
from .lidar.scan_format import FORMATS
from .split_list import SplitListDataset


class LidarDataset(SplitListDataset):
    """Scans named by a split list, with or without labels per point.

    A subclass says in ``FORMAT`` how the files are read and in :meth:`image_names` and
    :meth:`mask_names` where they lie. What is a broken scan says :func:`.lidar.read_scan`; with
    ``bad_files='skip'`` one is passed over like a broken image.

    Args:
        ann_file (str): The split list, relative to ``data_root``.
        data_prefix (dict): ``img_path`` and ``seg_map_path``, folders relative to ``data_root``.
        **kwargs: See :class:`SplitListDataset`.

    Raises:
        UserError: As :class:`SplitListDataset`.
    """

    FORMAT = ''  # a key of FORMATS

    def __init__(self, ann_file: str, data_prefix: dict, **kwargs) -> None:
        super().__init__(
            ann_file=ann_file, data_prefix=data_prefix, img_suffix='', seg_map_suffix='', **kwargs
        )

    def load_data_list(self) -> list[dict]:
        """Read the list; see :class:`SplitListDataset`.

        Returns:
            list[dict]: One data info per scan, with ``scan_format``.
        """
        return [dict(info, scan_format=self.FORMAT) for info in super().load_data_list()]

    def _read_masks(self, data_list: list[dict]) -> None:
        """Refuse labels of another kind before training; what is skipped is not looked at."""
        for info in [] if self.bad_files == 'skip' else data_list:
            if bad := self.broken_file(info):
                raise UserError(f'{bad}; see python tools/prepare_data.py {self.PREPARE} --check')

    def broken_file(self, info: dict) -> str | None:
        """Read the files of a scan anew to see whether one of them is broken.

        Args:
            info (dict): Its data info.

        Returns:
            str | None: The file, what is wrong with it, and the fix; None if nothing is.

        Raises:
            UserError: If a file cannot be read at all.
        """
        scan, form = info['img_path'], FORMATS[self.FORMAT]
        try:
            num = len(read_points(scan, form))
            if 'seg_map_path' in info:
                read_labels(info['seg_map_path'], num, form, scan)
        except BrokenScanError as error:
            return str(error)
        return None
