"""From the classes of a range image's pixels to those of the points of its scan."""

import torch
from torch import Tensor


def gather_labels(prediction: Tensor, pixels: Tensor) -> Tensor:
    """Each point takes the class of its pixel.

    Args:
        prediction (Tensor): Classes, int64 (H, W).
        pixels (Tensor): Pixel of each point, row * W + column, int64 (P,).

    Returns:
        Tensor: int64 (P,).
    """
    return prediction.flatten()[pixels]


def knn_labels(
    prediction: Tensor,
    pixels: Tensor,
    ranges: Tensor,
    num_classes: int,
    k: int = 5,
    window: int = 5,
    sigma: float = 1.0,
    cutoff: float = 1.0,
) -> Tensor:
    """Each point takes the class that most of its nearest pixels have, as RangeNet++ votes.

    The distance of a pixel in the window around the point's own is the difference of the ranges,
    times one minus a Gaussian of the place in the window; the point's own pixel has its own range.
    The ``k`` nearest vote, but those beyond the cutoff and empty pixels. Of equal counts the lower
    class wins. Pixels beyond the image's border do not vote.

    Source: Milioto et al., "RangeNet++" (IROS 2019); specification (range view) 5.

    Args:
        prediction (Tensor): Classes, int64 (H, W).
        pixels (Tensor): Pixel of each point, int64 (P,).
        ranges (Tensor): Range of each point in metres, float (P,).
        num_classes (int): Number of classes.
        k (int): Pixels that vote. Defaults to 5.
        window (int): Side of the window in pixels, odd. Defaults to 5.
        sigma (float): Of the Gaussian, in pixels. Defaults to 1.0.
        cutoff (float): Largest distance in metres that votes. Defaults to 1.0.

    Returns:
        Tensor: int64 (P,).
    """
    labels, distance = neighbours(prediction, pixels, ranges, window)
    distance[:, window**2 // 2] = 0
    distance, nearest = (distance * inverse_gaussian(window, sigma)).topk(k, largest=False)
    votes = torch.zeros(len(pixels), num_classes)
    votes.scatter_add_(1, labels.gather(1, nearest), (distance <= cutoff).float())
    return votes.argmax(1)


def nearest_labels(prediction: Tensor, pixels: Tensor, ranges: Tensor, window: int = 5) -> Tensor:
    """FIDNet's nearest label assignment.

    A point that its pixel shows keeps the pixel's class; another one takes that of the pixel in the
    window whose range is closest to its own.

    Source: specification (range view) 5.

    Args:
        prediction (Tensor): Classes, int64 (H, W).
        pixels (Tensor): Pixel of each point, int64 (P,).
        ranges (Tensor): Range of each point in metres, float (P,).
        window (int): Side of the window in pixels, odd. Defaults to 5.

    Returns:
        Tensor: int64 (P,).
    """
    labels, distance = neighbours(prediction, pixels, ranges, window)
    # of equally near pixels the point's own: a shown point is at distance 0 there
    distance[:, window**2 // 2] -= 1e-6
    return labels.gather(1, distance.argmin(1, keepdim=True))[:, 0]


def neighbours(
    prediction: Tensor, pixels: Tensor, ranges: Tensor, window: int
) -> tuple[Tensor, Tensor]:
    """Classes and distances of the pixels around each point's.

    Args:
        prediction (Tensor): Classes, int64 (H, W).
        pixels (Tensor): Pixel of each point, int64 (P,).
        ranges (Tensor): Range of each point in metres, float (P,).
        window (int): Side of the window in pixels, odd.

    Returns:
        tuple[Tensor, Tensor]: int64 and float32, both (P, window ** 2) row by row; the distance is
        the difference of the ranges, infinite for pixels that are empty or outside the image.
    """
    height, width = prediction.shape
    # what a pixel shows is its nearest point
    shown = torch.full((height * width,), torch.inf).scatter_reduce(0, pixels, ranges, 'amin')
    reach = window // 2
    offsets = torch.cartesian_prod(*2 * [torch.arange(-reach, reach + 1)])
    row = pixels[:, None] // width + offsets[:, 0]
    column = pixels[:, None] % width + offsets[:, 1]
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    flat = (row * width + column).where(inside, 0)
    distance = (shown[flat] - ranges[:, None]).abs().where(inside, torch.inf)
    return prediction.flatten()[flat], distance


def inverse_gaussian(window: int, sigma: float) -> Tensor:
    """One minus a normalised Gaussian: what a pixel's place multiplies its distance by.

    Args:
        window (int): Side of the window in pixels, odd.
        sigma (float): In pixels.

    Returns:
        Tensor: float32 (window ** 2,), row by row.
    """
    place = torch.arange(window) - window // 2
    kernel = torch.exp(-(place[:, None] ** 2 + place**2) / (2 * sigma**2))
    return 1 - (kernel / kernel.sum()).flatten()
