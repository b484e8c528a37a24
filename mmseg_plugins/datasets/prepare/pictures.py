"""Opening and checking images and masks of a source."""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from mmseg_plugins.errors import UserError


def open_image(path: Path, load: bool = True) -> Image.Image:
    """Open an image file.

    Args:
        path (Path): The file.
        load (bool): Whether to decode it, not only its header. Defaults to True.

    Raises:
        UserError: If it cannot be read.
    """
    try:
        with Image.open(path) as file:
            if load:
                file.load()
            return file
    except (OSError, SyntaxError, UnidentifiedImageError) as error:
        reason = str(error).splitlines()[0].replace(f' {str(path)!r}', '')
        raise UserError(f'{path}: cannot be read ({reason}); get the file again') from None


def read_ids(path: Path, allowed: np.ndarray, expected: str, fix: str) -> np.ndarray:
    """Decode a mask and check its ids.

    Args:
        path (Path): The mask.
        allowed (np.ndarray): Bool of shape (256,), the ids that may occur.
        expected (str): These ids in words.
        fix (str): End of the message on other ids.

    Returns:
        np.ndarray: uint8 of shape (H, W).

    Raises:
        UserError: If it cannot be read, is not one 8-bit channel, or has other ids.
    """
    opened = open_image(path)
    if opened.mode not in ('L', 'P'):
        raise UserError(f'{path}: mode {opened.mode}, not one channel of class ids; {fix}')
    ids = np.asarray(opened)
    histogram = np.bincount(ids.ravel(), minlength=256)
    wrong = np.flatnonzero(histogram * ~allowed)
    if len(wrong):
        shown = ', '.join(map(str, wrong[:8])) + (', ...' if len(wrong) > 8 else '')
        raise UserError(
            f'{path}: ids {shown} outside {expected} on {histogram[wrong].sum()} pixels; {fix}'
        )
    return ids


def only(*ids) -> np.ndarray:
    """The ids that may occur: bool of shape (256,)."""
    allowed = np.zeros(256, dtype=bool)
    allowed[list(ids)] = True
    return allowed


def check_size(image: Path, shape: tuple, mask: Path) -> None:
    """Compare the header of an image with the shape (H, W) of its mask.

    Raises:
        UserError: If they differ, or the image cannot be read.
    """
    width, height = open_image(image, load=False).size
    if (height, width) != tuple(shape):
        raise UserError(
            f'{image}: {width} x {height} pixels, but its mask {mask} has '
            f'{shape[1]} x {shape[0]}; get both again'
        )


def by_stem(folder: Path, suffixes: tuple) -> dict[str, Path]:
    """Files of a folder with one of these suffixes, by stem and sorted.

    Raises:
        UserError: If two have the same stem.
    """
    found = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix.lower() in suffixes and not path.name.startswith('.'):
            if path.stem in found:
                raise UserError(f'{path}: {found[path.stem].name} has the same name; keep one')
            found[path.stem] = path
    return found
