import os
import os.path as osp
import posixpath
from collections.abc import Sequence
from pathlib import Path

from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

import mmseg_plugins
from mmseg_plugins.errors import UserError


def resolve_data_root(data_root: str, folder: str) -> str:
    """Find a relative data root below the working directory, else below the package's checkout.

    A data root that exists below the working directory is taken, complete or not: data from
    somewhere else must never stand in for a part of it.

    Args:
        data_root (str): As the config has it, e.g. ``data``.
        folder (str): A folder that must lie below it.

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
        'with tools/prepare_data.py or link your data there'
    )


@DATASETS.register_module()
class SplitListDataset(BaseSegDataset):
    """Images named by a split list, with or without their masks.

    A list holds one id per line, a path below ``data_prefix['img_path']`` without suffix. The list
    and the files it names are checked when the dataset is built, against one listing of each
    folder.

    Args:
        ann_file (str): The split list, relative to ``data_root``.
        data_prefix (dict): ``img_path`` and ``seg_map_path``, relative to ``data_root``.
        data_root (str): Looked up by :func:`resolve_data_root`. Defaults to ``'data'``.
        img_suffix (str | Sequence[str]): Suffix of the images; of several, the one that exists.
            Defaults to ``('.jpg', '.png')``.
        with_labels (bool): If False, masks are neither looked for nor opened. Defaults to True.
        **kwargs: See mmseg's ``BaseSegDataset``.

    Raises:
        UserError: If a folder or the list is missing, the list is empty or repeats an id, or a file
            that it names is missing.
    """

    def __init__(
        self,
        ann_file: str,
        data_prefix: dict,
        data_root: str = 'data',
        img_suffix: str | Sequence[str] = ('.jpg', '.png'),
        with_labels: bool = True,
        **kwargs,
    ) -> None:
        self.with_labels = with_labels
        if not (kwargs.get('metainfo') or self.METAINFO).get('classes'):
            raise UserError(
                f'{type(self).__name__}: no class names; set '
                "metainfo=dict(classes=('background', ...))"
            )
        super().__init__(
            ann_file=ann_file,
            data_prefix=data_prefix,
            data_root=resolve_data_root(data_root, data_prefix['img_path']),
            img_suffix=img_suffix,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """Read the list and check it against the folders.

        Returns:
            list[dict]: One data info per id; without labels there is no ``seg_map_path``.
        """
        ids = read_split_list(self.ann_file)
        suffixes = [self.img_suffix] if isinstance(self.img_suffix, str) else self.img_suffix
        images = _find(ids, self.data_prefix['img_path'], suffixes, self.ann_file)
        masks = [None] * len(ids)
        if self.with_labels:
            folder = self.data_prefix['seg_map_path']
            masks = _find(ids, folder, [self.seg_map_suffix], self.ann_file)
        common = dict(
            label_map=self.label_map,
            reduce_zero_label=self.reduce_zero_label,
            num_classes=len(self.metainfo['classes']),
        )
        data_list = [dict(img_path=image, seg_fields=[], **common) for image in images]
        for info, mask in zip(data_list, masks, strict=True):
            if mask is not None:
                info['seg_map_path'] = mask
        return data_list


def read_split_list(path: str) -> list[str]:
    """Read a split list.

    Args:
        path (str): Text file with one id per line; blank lines are passed over.

    Returns:
        list[str]: The ids in the file's order.

    Raises:
        UserError: If the file is missing, empty, or repeats an id.
    """
    fix = 'write it with tools/prepare_data.py'
    if not osp.isfile(path):
        raise UserError(f'split list not found: {path}; {fix}')
    try:
        with open(path, encoding='utf-8') as file:
            ids = [posixpath.normpath(line.strip()) for line in file if line.strip()]
    except UnicodeDecodeError as error:
        raise UserError(
            f'split list {path} is not a UTF-8 text file ({error.reason}); {fix}'
        ) from None
    if not ids:
        raise UserError(f'split list is empty: {path}; {fix}')
    if len(set(ids)) < len(ids):
        repeated = next(name for name in ids if ids.count(name) > 1)
        raise UserError(f'split list {path} repeats {repeated!r}; remove the repetition')
    return ids


def _find(ids: list[str], folder: str, suffixes: Sequence[str], ann_file: str) -> list[str]:
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
        raise UserError(
            f'{ann_file} names a file that is missing: {missing[0]}{more} of {len(ids)}; '
            'complete the data folder or correct the list'
        )
    return paths
