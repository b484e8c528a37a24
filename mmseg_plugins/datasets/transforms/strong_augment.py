import random

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS
from PIL import Image, ImageFilter
from torchvision.transforms import ColorJitter, RandomGrayscale


@TRANSFORMS.register_module()
class StrongAugment(BaseTransform):
    """Colour jitter, greyscale and blur of the strong view; geometry is left alone.

    The defaults are those of CorrMatch (specification 3.2).

    Required and modified key: ``img`` (uint8, BGR).

    Args:
        brightness (float): Range of the jitter. Defaults to 0.5.
        contrast (float): Range of the jitter. Defaults to 0.5.
        saturation (float): Range of the jitter. Defaults to 0.5.
        hue (float): Range of the jitter. Defaults to 0.25.
        jitter_prob (float): Probability of the jitter. Defaults to 0.8.
        gray_prob (float): Probability of greyscale. Defaults to 0.2.
        blur_prob (float): Probability of Gaussian blur. Defaults to 0.5.
        blur_sigma (tuple[float, float]): Range of the blur's radius in pixels. Defaults to (0.1,
            2.0).
    """

    def __init__(
        self,
        brightness: float = 0.5,
        contrast: float = 0.5,
        saturation: float = 0.5,
        hue: float = 0.25,
        jitter_prob: float = 0.8,
        gray_prob: float = 0.2,
        blur_prob: float = 0.5,
        blur_sigma: tuple[float, float] = (0.1, 2.0),
    ) -> None:
        self.jitter = ColorJitter(brightness, contrast, saturation, hue)
        self.gray = RandomGrayscale(gray_prob)
        self.jitter_prob = jitter_prob
        self.blur_prob = blur_prob
        self.blur_sigma = blur_sigma

    def transform(self, results: dict) -> dict:
        """Augment ``img`` in colour.

        Args:
            results (dict): A sample with ``img``.

        Returns:
            dict: The sample.
        """
        image = Image.fromarray(mmcv.bgr2rgb(results['img']))
        if random.random() < self.jitter_prob:
            image = self.jitter(image)
        image = self.gray(image)
        if random.random() < self.blur_prob:
            image = image.filter(ImageFilter.GaussianBlur(np.random.uniform(*self.blur_sigma)))
        results['img'] = mmcv.rgb2bgr(np.asarray(image))
        return results

    def __repr__(self) -> str:
        name = type(self).__name__
        return f'{name}(jitter={self.jitter}, gray={self.gray}, blur_prob={self.blur_prob})'
