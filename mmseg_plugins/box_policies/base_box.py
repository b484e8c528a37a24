from abc import ABC, abstractmethod

import numpy as np

from mmseg_plugins.errors import UserError


class BaseBox(ABC):
    """Draws one CutMix or CutOut box per image of a batch.

    Args:
        prob (float): Probability that an image is mixed at all. Defaults to 1.0.
        partner (str): Where the pasted content comes from. ``'stream'``: the ``*_mix`` views that
            the loader delivers (the same image or another one, as the sampler couples the
            streams). ``'batch'``: the next image of the same batch. ``'labelled'``: the labelled
            image of the same place in its batch, with its ground truth (CutMix). ``'none'``:
            nothing is pasted, the image is kept inside the box and blanked outside (CutOut).
            Defaults to ``'stream'``.

    Raises:
        UserError: If an option is out of range.
    """

    PARTNERS = ['stream', 'batch', 'labelled', 'none']

    def __init__(self, prob: float = 1.0, partner: str = 'stream') -> None:
        if not 0 <= prob <= 1:
            raise UserError(f'{type(self).__name__}: prob={prob} is not a probability; use 0..1')
        if partner not in self.PARTNERS:
            raise UserError(
                f'{type(self).__name__}: unknown partner={partner!r}; use one of {self.PARTNERS}'
            )
        self.prob = prob
        self.partner = partner

    def __call__(self, num: int, size: tuple[int, int], rng=np.random) -> np.ndarray:
        """Draw boxes.

        Args:
            num (int): Number of images N.
            size (tuple[int, int]): Height and width of the image in pixels.
            rng: ``numpy.random`` or a ``numpy.random.RandomState``. Defaults to ``numpy.random``,
                which MMEngine seeds.

        Returns:
            np.ndarray: int64 (N, 4) rows ``(top, left, bottom, right)``, half open, or (N, K, 4)
            where a policy draws several boxes an image. Where an image is not mixed: zeros, or for
            CutOut, which keeps the box, the whole image.
        """
        boxes = self.draw(num, size, rng)
        if self.prob < 1:
            untouched = (0, 0, *size) if self.partner == 'none' else 0
            boxes[rng.uniform(size=num) >= self.prob] = untouched
        return boxes

    @abstractmethod
    def draw(self, num: int, size: tuple[int, int], rng) -> np.ndarray:
        """Draw one box for each of ``num`` images, ``prob`` aside."""
