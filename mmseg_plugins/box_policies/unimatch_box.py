import numpy as np
from mmseg.registry import TASK_UTILS

from mmseg_plugins.errors import UserError

from .base_box import BaseBox


@TASK_UTILS.register_module()
class UniMatchBox(BaseBox):
    """The box law of UniMatch and CorrMatch: area drawn once, aspect and corner until it fits.

    Source: CorrMatch, specification 3.2.

    Args:
        area (tuple[float, float]): Range of the box's share of the image area.
            Defaults to (0.02, 0.4).
        ratio (tuple[float, float]): Range of height over width. Defaults to (0.3, 1 / 0.3).
        prob (float): Probability that an image is mixed. Defaults to 0.5.
        **kwargs: See :class:`BaseBox`.

    Raises:
        UserError: If the area range does not lie in 0..1, the ratio is not positive, or the largest
            box fits into an image in no shape.
    """

    def __init__(
        self,
        area: tuple[float, float] = (0.02, 0.4),
        ratio: tuple[float, float] = (0.3, 1 / 0.3),
        prob: float = 0.5,
        **kwargs,
    ) -> None:
        super().__init__(prob=prob, **kwargs)
        if not 0 <= area[0] <= area[1] < 1:
            raise UserError(f'UniMatchBox: area={area} is not a range within 0..1 (1 excluded)')
        if not 0 < ratio[0] <= 1 <= ratio[1]:
            raise UserError(f'UniMatchBox: ratio={ratio} must be a positive range around 1')
        self.area = area
        self.ratio = ratio

    def draw(self, num: int, size: tuple[int, int], rng) -> np.ndarray:
        height, width = size
        largest = self.area[1] * height * width
        # otherwise the search for a shape that fits would not end
        if self.ratio[0] * largest > height**2 or largest > self.ratio[1] * width**2:
            raise UserError(
                f'UniMatchBox: the largest box of area={self.area}, ratio={self.ratio} does '
                f'not fit into {height} x {width} pixels; use a smaller area or a squarer crop'
            )
        return np.array([self._draw_one(size, rng) for _ in range(num)], dtype=np.int64)

    def _draw_one(self, size: tuple[int, int], rng) -> tuple[int, int, int, int]:
        image_height, image_width = size
        area = rng.uniform(*self.area) * image_height * image_width
        while True:
            ratio = rng.uniform(*self.ratio)
            height, width = int(np.sqrt(area * ratio)), int(np.sqrt(area / ratio))
            left, top = rng.randint(0, image_width), rng.randint(0, image_height)
            if left + width <= image_width and top + height <= image_height:
                return top, left, top + height, left + width
