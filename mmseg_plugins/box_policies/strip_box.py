import numpy as np
from mmseg.registry import TASK_UTILS

from mmseg_plugins.errors import UserError

from .base_box import BaseBox


@TASK_UTILS.register_module()
class StripBox(BaseBox):
    """Several strips of a range image, as IT2 cuts them: one height, random widths.

    The height is ``H * sqrt(1 - lambda)`` with ``lambda`` from ``Beta(beta, beta)``, once an image;
    each width is a random share of ``share * W``. Where a strip lies is not stated: anywhere inside
    the image. Source: variant R3 of specification (range view) 4.3.

    Args:
        num_strips (int): Strips of an image. Defaults to 4.
        share (float): Largest width of a strip as a share of the image's, in (0, 1]. Defaults to
            0.2.
        beta (float): Parameter of the Beta law, above 0. Defaults to 4.0.
        **kwargs: See :class:`BaseBox`.

    Raises:
        UserError: If an option is out of range.
    """

    def __init__(
        self, num_strips: int = 4, share: float = 0.2, beta: float = 4.0, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        if num_strips < 1 or not 0 < share <= 1 or beta <= 0:
            raise UserError(
                f'StripBox: num_strips={num_strips}, share={share}, beta={beta}; use at least one '
                'strip, a share in (0, 1] and a beta above 0'
            )
        self.num_strips = num_strips
        self.share = share
        self.beta = beta

    def draw(self, num: int, size: tuple[int, int], rng) -> np.ndarray:
        extent = np.empty((num, self.num_strips, 2))
        extent[..., 0] = np.sqrt(1 - rng.beta(self.beta, self.beta, size=(num, 1)))
        extent[..., 1] = self.share * rng.uniform(size=(num, self.num_strips))
        extent = np.round(extent * size)
        corner = np.round((size - extent) * rng.uniform(size=extent.shape))
        return np.concatenate([corner, corner + extent], axis=2).astype(np.int64)
