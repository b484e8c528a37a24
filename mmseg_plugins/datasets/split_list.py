import logging
import os
import os.path as osp
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from mmengine.dist import get_rank
from mmengine.logging import print_log
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

import mmseg_plugins
from mmseg_plugins.errors import UserError

from .broken_file import looks_cut_short, what_is_wrong
from .prepare import store
from .prepare.lists import record_at, verify_list, where_from
from .read_list import read_split_list
from .transforms.load_index_mask import LoadIndexMask


def resolve_data_root(data_root: str, folder: str, command: str = 'DATASET') -> str:
    """Find a relative data root below the working directory, else below the package's checkout.

    A data root that exists below the working directory is taken, complete or not: data from
    somewhere else must never stand in for a part of it.

    Args:
        data_root (str): As the config has it, e.g. ``data``.
        folder (str): A folder that must lie below it.
        command (str): The subcommand of ``tools/prepare_data.py`` that makes it. Defaults to
            ``'DATASET'``.

    Returns:
        str: The data root.

    Raises:
        UserError: If there is none, or it lacks ``folder``.
    """
    checkout = Path(mmseg_plugins.__file__).parents[1]
    candidates = list(dict.fromkeys([Path.cwd() / data_root, checkout / data_root]))
    found = next((candidate for candidate in candidates if candidate.is_dir()), None)
    if found is not None and (found / folder).is_dir():
        return str(found)
    looked = [found] if found else candidates
    raise UserError(
        f'data folder not found: {" or ".join(str(path / folder) for path in looked)}; prepare it '
        f'with python tools/prepare_data.py {command} (see --help) or link your data there'
    )


@DATASETS.register_module()
class SplitListDataset(BaseSegDataset):
    """Images named by a split list, with or without their masks.

    A list holds one id per line, a path below ``data_prefix['img_path']`` without suffix. When the
    dataset is built, the list is compared with its record (hash and count) where it is one of a
    benchmark's or was written with the data set, the files it names with one listing of each
    folder, and the first masks are read.

    Args:
        ann_file (str): The split list, relative to ``data_root``.
        data_prefix (dict): ``img_path`` and ``seg_map_path``, relative to ``data_root``.
        data_root (str): Looked up by :func:`resolve_data_root`. Defaults to ``'data'``.
        img_suffix (str | Sequence[str]): Suffix of the images; of several, the one that exists.
            Defaults to ``('.jpg', '.png')``.
        with_labels (bool): If False, masks are neither looked for nor opened. Defaults to True.
        verify (bool): Compare the list with its record and read the first masks; False for a list
            or masks of one's own in the place of a benchmark's. Defaults to True.
        bad_files (str): What to do about an image or a mask that cannot be decoded: ``'stop'`` with
            the file's name, or, in training only, ``'skip'``: say so, count it in :attr:`skipped`
            and draw another image of the list in its place, the same one after a restart. A file
            that cannot be read at all stops always. Defaults to ``'stop'``.
        **kwargs: See mmseg's ``BaseSegDataset``.

    Raises:
        UserError: If a folder or the list is missing, the list is empty, repeats an id or is not
            the one recorded, a file that it names is missing, one of the first masks is unfit, or
            ``bad_files`` is unknown.

    Attributes:
        skipped (Tensor): Bool, one per image: which ones were passed over so far, by this process
            or by a loader worker of it. None unless ``bad_files`` is ``'skip'``.
    """

    PREPARE: str | None = None  # the subcommand of tools/prepare_data.py that makes this data set

    def __init__(
        self,
        ann_file: str,
        data_prefix: dict,
        data_root: str = 'data',
        img_suffix: str | Sequence[str] = ('.jpg', '.png'),
        with_labels: bool = True,
        verify: bool = True,
        bad_files: str = 'stop',
        **kwargs,
    ) -> None:
        if bad_files not in ('stop', 'skip'):
            raise UserError(
                f"{type(self).__name__}: unknown bad_files={bad_files!r}; use 'stop' or 'skip'"
            )
        self.with_labels = with_labels
        self.bad_files = bad_files
        self.record = record_at(ann_file) if verify else None
        self.own_record = (self.PREPARE, ann_file) if verify and self.PREPARE else None
        self.list_from = where_from(ann_file, self.PREPARE if verify else None)
        self.masks_to_read = 3 if verify and with_labels else 0
        if not (kwargs.get('metainfo') or self.METAINFO).get('classes'):
            raise UserError(
                f'{type(self).__name__}: no class names; set '
                "metainfo=dict(classes=('background', ...))"
            )
        super().__init__(
            ann_file=ann_file,
            data_prefix=data_prefix,
            data_root=resolve_data_root(
                data_root, data_prefix['img_path'], self.PREPARE or 'DATASET'
            ),
            img_suffix=img_suffix,
            **kwargs,
        )
        skip = bad_files == 'skip' and not self.test_mode
        # shared: workers find them, and each file counts once
        self.skipped = torch.zeros(len(self), dtype=torch.bool).share_memory_() if skip else None

    def load_data_list(self) -> list[dict]:
        """Read the list and check it against the folders.

        Returns:
            list[dict]: One data info per id; without labels there is no ``seg_map_path``.
        """
        if self.record:
            verify_list(self.ann_file, *self.record)
        ids = read_split_list(self.ann_file, self.list_from)
        if self.own_record:
            store.verify_list(Path(self.data_root), *self.own_record)
        suffixes = [self.img_suffix] if isinstance(self.img_suffix, str) else self.img_suffix
        images = self._find(self.image_names(ids), self.data_prefix['img_path'], suffixes)
        masks = [None] * len(ids)
        if self.with_labels:
            folder = self.data_prefix['seg_map_path']
            masks = self._find(self.mask_names(ids), folder, [self.seg_map_suffix])
        common = dict(
            label_map=self.label_map,
            reduce_zero_label=self.reduce_zero_label,
            num_classes=len(self.metainfo['classes']),
        )
        data_list = [dict(img_path=image, seg_fields=[], **common) for image in images]
        for info, mask in zip(data_list, masks, strict=True):
            if mask is not None:
                info['seg_map_path'] = mask
        self._read_masks(data_list[: self.masks_to_read])
        return data_list

    def image_names(self, ids: list[str]) -> list[str]:
        """Paths of the images below their folder, without suffix."""
        return ids

    def mask_names(self, ids: list[str]) -> list[str]:
        """Paths of the masks below their folder, without suffix."""
        return ids

    def prepare_data(self, idx: int) -> dict | None:
        """A sample; None, for which MMEngine draws another, if its file is broken.

        Args:
            idx (int): Its number.

        Returns:
            dict | None: What the pipeline gives.

        Raises:
            UserError: If a file is broken and must not be skipped.
        """
        info = self.get_data_info(idx)
        try:
            if looks_cut_short(info['img_path']) and (bad := self.broken_file(info)):
                raise ValueError(bad)
            return self.pipeline(info)
        except Exception:
            bad = self.broken_file(info)
            if bad is None:
                raise
        if self.skipped is None:
            raise UserError(f"{bad}, or have such files skipped with its dataset's bad_files=skip")
        self.skipped[idx] = True
        if self.skipped.all():
            raise UserError(f'{bad}: all {len(self)} samples of {self.ann_file} are broken')
        _warn(f'{bad}: {int(self.skipped.sum())} skipped so far')
        return None

    def broken_file(self, info: dict) -> str | None:
        """Look for the fault of a sample in its files; data sets of other files have their own.

        Args:
            info (dict): Its data info.

        Returns:
            str | None: The file, what is wrong with it, and the fix; None if its files are whole.

        Raises:
            UserError: If a file cannot be read at all: nothing is then known of its contents.
        """
        for kind, key in (('image', 'img_path'), ('mask', 'seg_map_path')):
            path = info.get(key)
            try:
                problem = what_is_wrong(path) if path else None
            except OSError as error:
                raise UserError(
                    f'{kind} {path} cannot be read ({error.strerror}); is its disk still there?'
                ) from None
            if problem:
                return f'{kind} {path} cannot be read ({problem}); replace the file'
        return None

    def _read_masks(self, data_list: list[dict]) -> None:
        """Refuse masks of another kind (colours, raw ids) before training."""
        for info in data_list:
            try:
                LoadIndexMask().transform(dict(info, seg_fields=[]))
            except UserError as error:
                if self.PREPARE is None:
                    raise
                raise UserError(
                    f'{error}; see python tools/prepare_data.py {self.PREPARE} --check'
                ) from None

    def _find(self, ids: list[str], folder: str, suffixes: Sequence[str]) -> list[str]:
        """The path of each id's file below ``folder``; each folder is listed once."""
        listings = {}
        paths, missing = [], []
        for name in ids:
            parent = osp.join(folder, osp.dirname(name))
            if parent not in listings:
                listings[parent] = set(os.listdir(parent)) if osp.isdir(parent) else set()
            for suffix in suffixes:
                if osp.basename(name) + suffix in listings[parent]:
                    paths.append(osp.join(folder, name + suffix))
                    break
            else:
                missing.append(osp.join(folder, name + ' or '.join(suffixes)))
        if missing:
            more = f' and {len(missing) - 1} more' if len(missing) > 1 else ''
            see = f' (see python tools/prepare_data.py {self.PREPARE} --check)'
            raise UserError(
                f'{self.ann_file} names a file that is missing: {missing[0]}{more} of {len(ids)}; '
                f'complete the data folder{see if self.PREPARE else ""} or correct the list'
            )
        return paths


def _warn(message: str) -> None:
    if get_rank():  # there MMEngine's logger is silent
        print(f'warning: rank {get_rank()}: {message}', file=sys.stderr, flush=True)
    else:
        print_log(message, logger='current', level=logging.WARNING)
