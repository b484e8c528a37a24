import numpy as np

from .bits import pack, popcount, unpack


class ClassBoards:
    """A board of 64-bit words per class of an image: a set bit is a pixel of that class.

    Args:
        label (np.ndarray): Classes (P,), 0 or more.
        words (np.ndarray): The pixels that count, packed, uint64 (1, W).
    """

    def __init__(self, label: np.ndarray, words: np.ndarray) -> None:
        # only a class that a pixel has can win; ascending, so a tie goes to the smallest
        self.classes = np.flatnonzero(np.bincount(label[unpack(words[0], label.size)]))
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
