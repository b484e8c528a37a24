"""The training curves inside ``index.html``."""

import csv
import math
from pathlib import Path

import numpy as np

from mmseg_plugins.errors import UserError

SCALARS = ('mIoU', 'loss', 'mask_ratio', 'threshold')


def read_curve(path: Path, points: int) -> dict[str, list[list[float]]]:
    """A run's curves for the page.

    Args:
        path (Path): A file of ``results/curves``.
        points (int): How many points of a scalar are kept: evenly spaced, with first and last.

    Returns:
        dict[str, list[list[float]]]: Scalar to iterations and values; values that are not finite
        are left out.

    Raises:
        UserError: If the file is no curve.
    """
    found = {}
    try:
        # Not pandas: hundreds of small files.
        with open(path, newline='', encoding='utf-8') as file:
            head, *rows = csv.reader(file)
        at = head.index('iter')
        for name in SCALARS:
            column = head.index(name) if name in head else None
            if column is None:
                continue
            pairs = [(int(row[at]), float(row[column])) for row in rows if row[column]]
            pairs = [pair for pair in pairs if math.isfinite(pair[1])]
            if pairs:
                kept = np.linspace(0, len(pairs) - 1, min(points, len(pairs))).round()
                pairs = [pairs[int(index)] for index in kept]
                found[name] = [[i for i, _ in pairs], [float(f'{v:.4g}') for _, v in pairs]]
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise UserError(f'{path} is no curve: {error}; gather that run again') from error
    return found
