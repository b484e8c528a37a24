"""Reading scans and their labels, and refusing those that are broken.

Source: specification 1.1.
"""

import numpy as np

from mmseg_plugins.errors import UserError

from .broken_scan import BrokenScanError
from .scan_format import ScanFormat


def read_points(path: str, form: ScanFormat) -> np.ndarray:
    """Read a scan.

    Args:
        path (str): The file.
        form (ScanFormat): How to read it.

    Returns:
        np.ndarray: float32 (N, columns): x, y, z in metres, intensity, and perhaps the ring.

    Raises:
        BrokenScanError: If it is empty or cut off, or has values that no scan has.
        UserError: If it cannot be read at all.
    """
    values = _read(path, '<f4', 'scan')
    if not len(values):
        raise BrokenScanError(f'{path}: the scan is empty (0 bytes); get the file again')
    if len(values) % form.columns:
        raise BrokenScanError(
            f'{path}: {4 * len(values)} bytes are no multiple of the {4 * form.columns} of a point '
            f'({form.columns} values); the file is cut off or of another data set: get it again'
        )
    points = values.reshape(-1, form.columns)
    bad = ~np.isfinite(points).all(axis=1)
    if bad.any():
        first = int(bad.argmax())
        raise BrokenScanError(
            f'{path}: {np.count_nonzero(bad)} of {len(points)} points are not finite, the first is '
            f'number {first}: {points[first].tolist()}; get the file again'
        )
    if form.rings is not None:
        ring = points[:, 4]
        wrong = (ring != np.floor(ring)) | (ring < 0) | (ring >= form.rings)
        if wrong.any():
            raise BrokenScanError(
                f'{path}: {np.count_nonzero(wrong)} of {len(points)} points have a ring that is '
                f'not one of 0..{form.rings - 1}, such as {ring[wrong.argmax()]:g}; get the file '
                'again'
            )
    return points


def read_labels(path: str, num_points: int, form: ScanFormat, scan: str = 'its scan') -> np.ndarray:
    """Read the labels of a scan.

    Args:
        path (str): The file.
        num_points (int): Points of the scan.
        form (ScanFormat): How to read it.
        scan (str): The scan's file, for the message. Defaults to ``'its scan'``.

    Returns:
        np.ndarray: Classes, uint8 (N,), 255 where ignored.

    Raises:
        BrokenScanError: If it has another length or an id outside the table.
        UserError: If it cannot be read at all.
    """
    labels = _read(path, form.label_dtype, 'label file')
    if len(labels) != num_points:
        raise BrokenScanError(
            f'{path}: {len(labels)} labels, but {scan} has {num_points} points; get both again'
        )
    # of SemanticKITTI's 32 bits the upper half is the instance
    return form.table.remap(labels.astype(np.uint32) & 0xFFFF, path)


def _read(path: str, dtype: str, what: str) -> np.ndarray:
    """A flat, writable array of a file."""
    try:
        with open(path, 'rb') as file:
            content = file.read()
    except OSError as error:
        raise UserError(
            f'{what} {path} cannot be read ({error.strerror}); is its disk still there?'
        ) from None
    size = np.dtype(dtype).itemsize
    if len(content) % size:
        raise BrokenScanError(
            f'{path}: {len(content)} bytes are no multiple of {size}, so this {what} is cut off; '
            'get the file again'
        )
    return np.frombuffer(bytearray(content), dtype=dtype)
