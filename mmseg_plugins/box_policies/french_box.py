import numpy as np
from mmseg.registry import TASK_UTILS

from mmseg_plugins.errors import UserError

from .base_box import BaseBox


@TASK_UTILS.register_module()
class FrenchBox(BaseBox):
    """The box law of French et al.: a given area, a random aspect, inside the image.

    With an area of one half the box always covers the image's centre; this is not the classic
    CutMix law. Source: French et al. (BMVC 2020), specification 1.7.

    Args:
        area (tuple[float, float]): Range of the box's share of the image area.
            Defaults to (0.5, 0.5).
        **kwargs: See :class:`BaseBox`.

    Raises:
        UserError: If the area range does not lie in 0..1.
    """

    def __init__(self, area: tuple[float, float] = (0.5, 0.5), **kwargs) -> None:
        super().__init__(**kwargs)
        if not 0 <= area[0] <= area[1] <= 1:
            raise UserError(f'FrenchBox: area={area} is not a range within 0..1')
        self.area = area

    def draw(self, num: int, size: tuple[int, int], rng) -> np.ndarray:
        # The order of the draws is the reference's: all areas, all exponents, all positions.
        area = rng.uniform(*self.area, size=num)
        exponent = rng.uniform(size=num)
        position = rng.uniform(size=(num, 2))
        height = area**exponent
        width = np.divide(area, height, out=np.zeros_like(area), where=height > 0)
        height[area == 0] = 0
        extent = np.round(np.stack([height, width], axis=1) * size)
        corner = np.round((size - extent) * position)
        return np.concatenate([corner, corner + extent], axis=1).astype(np.int64)
