"""Checks of scans and label files by their sizes, and of a few by their contents."""

from pathlib import Path

import numpy as np

from mmseg_plugins.datasets.lidar.read_scan import read_labels, read_points
from mmseg_plugins.datasets.lidar.scan_format import FORMATS
from mmseg_plugins.datasets.prepare import store


def check(pairs: list[tuple[Path, Path | None]], scan_format: str, read: int = 8) -> None:
    """Compare the sizes of all files; read some, spread over the list.

    Args:
        pairs (list[tuple[Path, Path | None]]): Scans with their labels.
        scan_format (str): Of the data set.
        read (int): How many to read whole. Defaults to 8.

    Raises:
        BrokenScanError: Naming the first that is empty, cut off or does not fit its scan.
    """
    form = FORMATS[scan_format]
    point, label = 4 * form.columns, np.dtype(form.label_dtype).itemsize
    step = max(len(pairs) // read, 1)
    for k, (scan, labels) in enumerate(store.track(pairs, f'checking {len(pairs)} scans')):
        size = scan.stat().st_size
        fits = labels is None or labels.stat().st_size * point == size * label
        if size and size % point == 0 and fits and k % step:
            continue
        points = read_points(str(scan), form)
        if labels is not None:
            read_labels(str(labels), len(points), form, str(scan))
