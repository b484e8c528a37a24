"""Pictures of range images: depth, intensity, labels and prediction, one above the other."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

INTENSITY, DEPTH, OCCUPIED = 3, 4, 5  # channels
UNKNOWN = (157, 180, 192)  # pixels with a point but no label
GAP = 4  # white rows between two bands


def range_picture(
    image: np.ndarray | Tensor,
    palette: Sequence[Sequence[int]] = (),
    truth: np.ndarray | Tensor | None = None,
    prediction: np.ndarray | Tensor | None = None,
    stretch: int = 2,
) -> np.ndarray:
    """Draw a scan as bands of the image's width.

    Pixels without a point are black in every band. Depth and intensity run from the 2nd to the 98th
    percentile of the scan's own values, so that the scale of the network's input does not matter.

    Args:
        image (np.ndarray | Tensor): Network input (6, H, W), channels of ``ProjectToRange``.
        palette (Sequence[Sequence[int]]): RGB of each class in 0..255. Defaults to none.
        truth (np.ndarray | Tensor, optional): Classes (H, W); others are grey. Defaults to None.
        prediction (np.ndarray | Tensor, optional): Classes (H, W). Defaults to None.
        stretch (int): Rows of the picture for one of the image. Defaults to 2.

    Returns:
        np.ndarray: uint8 (rows, W, 3), RGB: depth, intensity, then the labels and the prediction
        that are given.
    """
    image = np.asarray(image, dtype=np.float32)
    bands = [colour_channel(image, DEPTH), colour_channel(image, INTENSITY, 'gray')]
    for label in (truth, prediction):
        if label is not None:
            bands.append(colour_labels(np.asarray(label), palette, image[OCCUPIED] > 0))
    rows = []
    for band in bands:
        if rows:
            rows.append(np.full((GAP, image.shape[2], 3), 255, np.uint8))
        rows.append(band.repeat(stretch, axis=0))
    return np.concatenate(rows)


def colour_channel(image: np.ndarray, channel: int, colours: str = 'turbo') -> np.ndarray:
    """One channel in colours.

    Args:
        image (np.ndarray): Float (6, H, W).
        channel (int): Which one.
        colours (str): A colour map of matplotlib. Defaults to ``'turbo'``.

    Returns:
        np.ndarray: uint8 (H, W, 3), black where there is no point.
    """
    import matplotlib  # here: whoever imports the package does not wait for it

    occupied = image[OCCUPIED] > 0
    value = image[channel]
    low, high = np.percentile(value[occupied], (2, 98)) if occupied.any() else (0, 1)
    share = ((value - low) / max(high - low, 1e-6)).clip(0, 1)
    picture = matplotlib.colormaps[colours](share, bytes=True)[..., :3]
    return np.where(occupied[..., None], picture, 0).astype(np.uint8)


def colour_labels(
    label: np.ndarray, palette: Sequence[Sequence[int]], occupied: np.ndarray
) -> np.ndarray:
    """Classes in their colours.

    Args:
        label (np.ndarray): Integer (H, W).
        palette (Sequence[Sequence[int]]): RGB of each class in 0..255.
        occupied (np.ndarray): Bool (H, W).

    Returns:
        np.ndarray: uint8 (H, W, 3), black where there is no point, grey where no class.
    """
    colours = np.array([*palette, UNKNOWN], dtype=np.uint8)
    known = (label >= 0) & (label < len(palette))
    picture = colours[np.where(known, label, len(palette))]
    return np.where(occupied[..., None], picture, 0).astype(np.uint8)
