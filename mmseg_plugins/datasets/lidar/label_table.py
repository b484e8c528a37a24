from collections.abc import Mapping

import numpy as np

from mmseg_plugins.errors import UserError

from .broken_scan import BrokenScanError

IGNORE = 255


class LabelTable:
    """Which class each raw id of a data set's label files is.

    Args:
        name (str): The data set, for messages.
        raw (Mapping[int, str]): Every raw id of the data set with its name.
        members (Mapping[str, tuple[int, ...]]): Class to its raw ids, in the order of the classes;
            raw ids of no class are ignored.
        palette (list[tuple[int, int, int]]): A colour for each class, R, G, B in 0..255.

    Attributes:
        classes (tuple[str, ...]): Class names.
        to_class (np.ndarray): uint8, raw id to class, 255 where it is ignored or not in the table.
        known (np.ndarray): bool, whether an id is in the table.
    """

    def __init__(
        self,
        name: str,
        raw: Mapping[int, str],
        members: Mapping[str, tuple[int, ...]],
        palette: list[tuple[int, int, int]],
    ) -> None:
        self.name, self.raw, self.palette = name, dict(raw), [list(colour) for colour in palette]
        self.classes = tuple(members)
        # one more than the largest id, which larger ids are read as
        self.known = np.zeros(max(raw) + 2, dtype=bool)
        self.known[list(raw)] = True
        self.to_class = np.full(len(self.known), IGNORE, dtype=np.uint8)
        for index, ids in enumerate(members.values()):
            self.to_class[list(ids)] = index

    @property
    def metainfo(self) -> dict:
        """``METAINFO`` of the data set."""
        return dict(classes=self.classes, palette=self.palette)

    def remap(self, raw: np.ndarray, path: str) -> np.ndarray:
        """Classes of raw ids.

        Args:
            raw (np.ndarray): Unsigned raw ids of any shape.
            path (str): The file that they are from, for the message.

        Returns:
            np.ndarray: uint8, 255 where ignored.

        Raises:
            BrokenScanError: If an id is not in the table.
        """
        index = np.minimum(raw, len(self.known) - 1)
        known = self.known[index]
        if not known.all():
            wrong = np.unique(raw[~known])
            shown = ', '.join(map(str, wrong[:5])) + (', ...' if len(wrong) > 5 else '')
            raise BrokenScanError(
                f'{path}: {np.count_nonzero(~known)} of {len(raw)} points have raw ids that '
                f'{self.name} does not have ({shown}); get the original label file again'
            )
        return self.to_class[index]

    def check_names(self, found: Mapping[int, str], path: str) -> None:
        """Compare raw ids and names that come with the data with the table.

        Args:
            found (Mapping[int, str]): Raw id to name.
            path (str): The file that they are from, for the message.

        Raises:
            UserError: If an id is missing or has another name.
        """
        for index, name in self.raw.items():
            if found.get(index) != name:
                raise UserError(
                    f'{path}: raw id {index} is {found.get(index)!r}, but {name!r} in the table of '
                    f'{self.name}; get the tables of the labelled release again'
                )
        more = sorted(set(found) - set(self.raw))
        if more:
            raise UserError(
                f'{path}: has the raw id {more[0]} ({found[more[0]]!r}), which the table of '
                f'{self.name} lacks; get the tables of the labelled release again'
            )
