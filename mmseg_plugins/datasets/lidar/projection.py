"""Range projection: the pixel of every point, and the point of every pixel.

Source: specification 1.4.
"""

import numpy as np


def spherical_pixels(
    points: np.ndarray, distance: np.ndarray, height: int, width: int, fov: tuple[float, float]
) -> np.ndarray:
    """Pixels by angles: +x is the middle column, columns run clockwise, row 0 is the highest.

    Args:
        points (np.ndarray): float32 (N, >= 3).
        distance (np.ndarray): Their 3-D range, (N,).
        height (int): Rows.
        width (int): Columns.
        fov (tuple[float, float]): Upper and lower end in degrees; what lies beyond goes to the
            outermost row.

    Returns:
        np.ndarray: int64 (N,), row * width + column.
    """
    up, down = np.radians(fov[0]), np.radians(fov[1])
    x, y, z = points[:, :3].T.astype(np.float64)
    with np.errstate(invalid='ignore', divide='ignore'):
        pitch = np.arcsin(np.clip(np.nan_to_num(z / distance), -1, 1))
    row = (1 - (pitch - down) / (up - down)) * height
    column = 0.5 * (1 - np.arctan2(y, x) / np.pi) * width
    return _flat(row, column, height, width)


def ring_pixels(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pixels by ring and azimuth: +x is column 0, columns run counter-clockwise, row 0 the highest.

    Args:
        points (np.ndarray): float32 (N, >= 5); the fifth column is the ring, 0 the lowest.
        height (int): Rows, the number of rings.
        width (int): Columns.

    Returns:
        np.ndarray: int64 (N,), row * width + column.
    """
    x, y = points[:, :2].T.astype(np.float64)
    turn = np.arctan2(y, x) / (2 * np.pi)
    turn[turn < 0] += 1
    return _flat(height - 1 - points[:, 4], turn * width, height, width)


def nearest_points(pixels: np.ndarray, distance: np.ndarray, size: int) -> np.ndarray:
    """Which point each pixel shows: the nearest of those that fall into it.

    Args:
        pixels (np.ndarray): Flat pixel of every point, int (N,).
        distance (np.ndarray): float32 (N,), not negative.
        size (int): Number of pixels.

    Returns:
        np.ndarray: int64 (size,), index of the point, -1 where there is none; of points at the same
        distance the first.
    """
    # the bits of floats that are not negative are ordered as the floats are
    key = np.ascontiguousarray(distance, dtype=np.float32).view(np.uint32).astype(np.int64) << 32
    key |= np.arange(len(pixels))
    best = np.full(size, np.iinfo(np.int64).max)
    np.minimum.at(best, pixels, key)
    return np.where(best == np.iinfo(np.int64).max, -1, best & 0xFFFFFFFF)


def _flat(row: np.ndarray, column: np.ndarray, height: int, width: int) -> np.ndarray:
    """Floor, clip into the image, flatten."""
    row = np.clip(np.floor(row), 0, height - 1).astype(np.int64)
    column = np.clip(np.floor(column), 0, width - 1).astype(np.int64)
    return row * width + column
