import torch
from mmengine.logging import MMLogger

from mmseg_plugins.errors import UserError

from .lidar.broken_scan import BrokenScanError
from .lidar.read_scan import read_labels, read_points
from .lidar.scan_format import FORMATS
from .split_list import SplitListDataset


class LidarDataset(SplitListDataset):
    """Scans named by a split list, with or without labels per point.

    A subclass says in ``FORMAT`` how the files are read and in :meth:`image_names` and
    :meth:`mask_names` where they lie.

    Args:
        ann_file (str): The split list, relative to ``data_root``.
        data_prefix (dict): ``img_path`` and ``seg_map_path``, folders relative to ``data_root``.
        skip_broken (bool): In training, take another scan at random for one that is broken, warn,
            and count it in ``skipped``; False stops at the first. Defaults to False.
        **kwargs: See :class:`SplitListDataset`.

    Attributes:
        skipped (Tensor): bool (len(self),), which scans were found broken; shared with the workers
            of a loader.

    Raises:
        UserError: As :class:`SplitListDataset`.
    """

    FORMAT = ''  # a key of FORMATS

    def __init__(
        self, ann_file: str, data_prefix: dict, skip_broken: bool = False, **kwargs
    ) -> None:
        self.skip_broken = skip_broken
        super().__init__(
            ann_file=ann_file, data_prefix=data_prefix, img_suffix='', seg_map_suffix='', **kwargs
        )

    def load_data_list(self) -> list[dict]:
        """Read the list; see :class:`SplitListDataset`.

        Returns:
            list[dict]: One data info per scan, with ``scan_format``.
        """
        data_list = [dict(info, scan_format=self.FORMAT) for info in super().load_data_list()]
        self.skipped = torch.zeros(len(data_list), dtype=torch.bool).share_memory_()
        return data_list

    def _read_masks(self, data_list: list[dict]) -> None:
        """Refuse labels of another kind before training; what is skipped is not looked at."""
        for info in [] if self.skip_broken else data_list:
            form = FORMATS[self.FORMAT]
            try:
                num = len(read_points(info['img_path'], form))
                read_labels(info['seg_map_path'], num, form, info['img_path'])
            except UserError as error:
                raise UserError(
                    f'{error}; see python tools/prepare_data.py {self.PREPARE} --check'
                ) from None

    def prepare_data(self, idx: int) -> dict | None:
        """Load a scan.

        Args:
            idx (int): Its index.

        Returns:
            dict | None: The sample; None, upon which mmengine draws another, for a scan that is
            skipped.

        Raises:
            BrokenScanError: If it is broken, and not to be skipped.
        """
        try:
            return super().prepare_data(idx)
        except BrokenScanError as error:
            if self.test_mode or not self.skip_broken:
                raise
            if not self.skipped[idx]:
                self.skipped[idx] = True
                count = f'{int(self.skipped.sum())} of {len(self)} scans of {self.ann_file}'
                if self.skipped.all():
                    raise UserError(f'{count} are broken, the last: {error}') from None
                MMLogger.get_current_instance().warning(f'skipped {count}, this one: {error}')
            return None
