"""Generated pictures of a data set's true size and format, to measure a data path without it."""

from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config
from PIL import Image

from mmseg_plugins.errors import UserError

# The folder of a data set: width and height of a usual image, and its file format.
SIZES = {
    'voc12': (500, 375, '.jpg'),
    'cityscapes': (2048, 1024, '_leftImg8bit.png'),
    'cityscapes_half': (1024, 512, '_leftImg8bit.png'),
    'ade20k': (683, 512, '.jpg'),
    'shapes': (128, 128, '.png'),
    'camvid': (480, 360, '.png'),
}
MASKS = {'_leftImg8bit.png': '_gtFine_labelTrainIds.png'}


def stand_in(cfg: Config, folder: Path, images: int = 8) -> Config:
    """Write pictures in the layout of a leaf's data set and let the leaf read them.

    A picture is a smooth one with the noise of a camera, JPEG of quality 95 or PNG, so that it is
    about as long a file, and as long to decode, as a photograph; a mask consists of a few regions.

    Args:
        cfg (Config): A leaf; changed in place.
        folder (Path): Where the files go.
        images (int): How many are written. Defaults to 8.

    Returns:
        Config: The leaf.

    Raises:
        UserError: If the size of the leaf's data set is not known.
    """
    dataset = cfg.train_dataloader.dataset
    prefix = dataset.labeled.data_prefix
    name = Path(prefix.img_path).parts[0]
    if name not in SIZES:
        raise UserError(
            f'the size of the images of {prefix.img_path} is not known, known are '
            f'{", ".join(SIZES)}; measure on the data set itself with --data'
        )
    width, height, suffix = SIZES[name]
    image_folder, mask_folder = folder / prefix.img_path, folder / prefix.seg_map_path
    for place in (image_folder, mask_folder):
        place.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for k in range(images):
        Image.fromarray(_picture(rng, width, height)).save(
            image_folder / f'{k}{suffix}', quality=95
        )
        regions = rng.integers(0, 4, (5, 5), np.uint8) + 1
        mask = cv2.resize(regions, (width, height), interpolation=cv2.INTER_NEAREST)
        Image.fromarray(mask).save(mask_folder / f'{k}{MASKS.get(suffix, ".png")}')
    (folder / 'list.txt').write_text(''.join(f'{k}\n' for k in range(images)))
    dataset.update(benchmark=None, label_seed=None, allow_overlap=True)
    for source in ('labeled', 'unlabeled'):
        if source in dataset:
            dataset[source].update(data_root=str(folder), ann_file='list.txt', verify=False)
    return cfg


def _picture(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    coarse = rng.integers(0, 256, (12, 16, 3), np.uint8)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    noise = rng.normal(0, 4, (height, width, 3))
    return (smooth + noise).clip(0, 255).astype(np.uint8)
