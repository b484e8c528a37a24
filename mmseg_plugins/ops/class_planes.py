import numpy as np

from .bits import pack, popcount


class ClassPlanes:
    """A plane of words per binary digit of the class: five instead of 21 boards.

    A class with more than half of a region's pixels has, digit by digit, the digit that most of
    them have. The planes therefore name the one class that can win, and bound its share.

    Args:
        label (np.ndarray): See :class:`~mmseg_plugins.ops.class_boards.ClassBoards`.
        words (np.ndarray): Likewise.
    """

    def __init__(self, label: np.ndarray, words: np.ndarray) -> None:
        digits = int(label.max()).bit_length() or 1
        self.place = np.arange(digits, dtype=label.dtype)[:, None]
        self.planes = pack((label >> self.place & 1) > 0) & words

    def take(self, segment: np.ndarray, count: int, tau: np.float32) -> int | None:
        """``ClassBoards.take`` for ``tau`` of 0.5 and more."""
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
