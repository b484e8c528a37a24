import numpy as np
from mmseg.registry import TASK_UTILS

from mmseg_plugins.errors import UserError

from .base_box import BaseBox


@TASK_UTILS.register_module()
class FrenchBox(BaseBox):
    """The box law of French et al.: a given area, a random aspect, inside the image.

    With an area of one half the box always covers the image's centre; this is not the classic
    CutMix law. CutOut is ``area=(0.0, 1.0)`` with ``partner='none'``. Source: French et al. (BMVC
    2020), specification 1.7 and 1.8.

    Args:
        area (tuple[float, float]): Range of the box's share of the image area, within 0..1; the
            upper end is above 0. Defaults to (0.5, 0.5).
        random_aspect (bool): Draw the aspect; if False, height and width are the same share of the
            image's, the square root of the area. Defaults to True.
        **kwargs: See :class:`BaseBox`.

    Raises:
        UserError: If ``area`` is not such a range.
    """

    def __init__(
        self, area: tuple[float, float] = (0.5, 0.5), random_aspect: bool = True, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        pair = isinstance(area, list | tuple) and len(area) == 2
        pair = pair and all(isinstance(share, int | float) for share in area)
        if not (pair and 0 <= area[0] <= area[1] <= 1 and area[1] > 0):
            raise UserError(
                f'FrenchBox: area={area} is not a range of shares of the image; use two numbers '
                'low <= high, low >= 0, high in (0, 1], e.g. (0.5, 0.5) for CutMix'
            )
        self.area = area
        self.random_aspect = random_aspect

    def draw(self, num: int, size: tuple[int, int], rng) -> np.ndarray:
        # The order of the draws is the reference's: all areas, all exponents, all positions.
        area = rng.uniform(*self.area, size=num)
        exponent = rng.uniform(size=num) if self.random_aspect else 0.5
        position = rng.uniform(size=(num, 2))
        height = area**exponent
        width = np.divide(area, height, out=np.zeros_like(area), where=height > 0)
        height[area == 0] = 0
        extent = np.round(np.stack([height, width], axis=1) * size)
        corner = np.round((size - extent) * position)
        return np.concatenate([corner, corner + extent], axis=1).astype(np.int64)
