"""The classes of an image's pixels in 64-bit words, for regions that take the class of most."""

import numpy as np

from .bits import pack, popcount


class ClassBoards:
    """A board per class: a set bit is a pixel of that class.

    Args:
        label (np.ndarray): Classes (P,), 0 or more.
        bits (np.ndarray): Bool (P,), the pixels that count.
        words (np.ndarray): The same packed, uint64 (1, W).
    """

    def __init__(self, label: np.ndarray, bits: np.ndarray, words: np.ndarray) -> None:
        # only a class that a pixel has can win; ascending, so a tie goes to the smallest
        self.classes = np.flatnonzero(np.bincount(label[bits]))
        self.boards = pack(label == self.classes.astype(label.dtype)[:, None]) & words

    def take(self, segment: np.ndarray, count: int, tau: np.float32) -> int | None:
        """Give a region the class of most of its pixels.

        Args:
            segment (np.ndarray): The region's pixels that count, uint64 (W,).
            count (int): Their number, at least one.
            tau (np.float32): The class's share of them has to be greater.

        Returns:
            int | None: The class; None where no share is great enough, and nothing changes.
        """
        histogram = popcount(self.boards & segment)
        winner = histogram.argmax()
        if not np.float32(histogram[winner]) / np.float32(count) > tau:
            return None
        if histogram[winner] < count:
            self.boards &= ~segment
            self.boards[winner] |= segment
        return int(self.classes[winner])


class ClassPlanes:
    """A plane per binary digit of the class: five instead of 21 boards.

    A class with more than half of a region's pixels has, digit by digit, the digit that most of
    them have. The planes therefore name the one class that can win, and bound its share.

    Args:
        label (np.ndarray): See :class:`ClassBoards`, as the others.
        bits (np.ndarray): Likewise.
        words (np.ndarray): Likewise.
    """

    def __init__(self, label: np.ndarray, bits: np.ndarray, words: np.ndarray) -> None:
        digits = int(label[bits].max()).bit_length() or 1
        self.place = np.arange(digits, dtype=label.dtype)[:, None]
        self.planes = pack((label >> self.place & 1) > 0) & words

    def take(self, segment: np.ndarray, count: int, tau: np.float32) -> int | None:
        """:meth:`ClassBoards.take` for ``tau`` of 0.5 and more."""
        winner, most = 0, count
        for place, ones in enumerate(popcount(self.planes & segment).tolist()):
            if 2 * ones > count:
                winner |= 1 << place
                most = min(most, ones)
            else:
                most = min(most, count - ones)
        if not np.float32(most) / np.float32(count) > tau:
            return None
        if most < count:  # else all of them have that class already
            code = np.where(winner >> self.place & 1, ~np.uint64(0), np.uint64(0))
            others = np.bitwise_or.reduce(self.planes ^ code) & segment
            if not np.float32(count - popcount(others)) / np.float32(count) > tau:
                return None
            self.planes ^= (self.planes ^ code) & segment
        return winner
