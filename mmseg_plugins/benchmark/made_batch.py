"""A seeded batch of a leaf's shapes, without a data set."""

import cv2
import numpy as np
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmseg.structures import SegDataSample

from mmseg_plugins.errors import UserError
from mmseg_plugins.seeding import DRAW, seeded

BLOBS = 24  # coarse cells along the longer side of a picture


def made_batch(cfg: Config, size: tuple[int, int], images: int | None, seed: int) -> dict:
    """A batch as the leaf's loader would collate it, from generated pictures.

    Pictures of smooth blobs with noise and, where the stream is labelled, a mask of the blobs' most
    frequent colour stand for cropped samples; they go through the stream's own last transforms
    (views, strong colours, packing). An ignored strip lies along the border of every other one.

    Args:
        cfg (Config): A leaf; its sampler says how many images each stream yields.
        size (tuple[int, int]): Crop (H, W) in pixels.
        images (int, optional): Images of each stream instead of the leaf's. None keeps them.
        seed (int): Of the pictures and of the transforms.

    Returns:
        dict: ``inputs`` and ``data_samples``, for the data preprocessor.

    Raises:
        UserError: If the leaf's loader has no streams.
    """
    init_default_scope('mmseg')
    loader = cfg.train_dataloader
    streams, ratio = loader.dataset.get('streams'), loader.sampler.get('source_ratio')
    if not streams or not ratio:
        raise UserError(
            f'{cfg.filename}: train_dataloader has no streams to make a batch of; measure it on '
            'its data with --data'
        )
    classes, channels, samples = num_classes(cfg), in_channels(cfg), []
    for number, (stream, count) in enumerate(zip(streams, ratio, strict=True)):
        pipeline = Compose(stream['pipeline'])
        for index in range(images or count):
            with seeded(seed, DRAW, number, index):
                labelled = stream['source'] == 'labeled'
                made = _cropped(size, classes if labelled else 1, index)
                samples.append(pipeline(made if channels == 3 else _range_image(made, channels)))
    return pseudo_collate(samples)


def num_classes(cfg: Config) -> int:
    """Classes of the network that a leaf trains."""
    head = cfg.model.get('student', cfg.model).decode_head
    return (head[-1] if isinstance(head, list) else head).num_classes


def in_channels(cfg: Config) -> int:
    """Channels of the images that a leaf's network takes: 3, or those of a range image."""
    return cfg.model.get('student', cfg.model).backbone.get('in_channels', 3)


def batch_signature(batch: dict) -> dict:
    """What two variants must have in common to be compared.

    Args:
        batch (dict): What a loader yields.

    Returns:
        dict: View to a list of (shape, sum over pixels and channels, sum over labels) of its
        images.
    """
    views, samples = (
        values if isinstance(values, dict) else {'sup': values}
        for values in (batch['inputs'], batch['data_samples'])
    )
    return {
        view: [
            (tuple(x.shape), float(x.double().sum()), _label_sum(sample))
            for x, sample in zip(images, samples[view], strict=True)
            if x is not None
        ]
        for view, images in views.items()
    }


def _label_sum(sample: SegDataSample) -> int:
    return int(sample.gt_sem_seg.data.sum()) if 'gt_sem_seg' in sample else 0


def _cropped(size: tuple[int, int], classes: int, index: int) -> dict:
    """A sample as it is after loading and cropping; one class means: not labelled."""
    height, width = size
    cell = max(1, max(size) // BLOBS)
    coarse = np.random.uniform(0, 255, (-(-height // cell) + 1, -(-width // cell) + 1, 3))
    image = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    mask = (image.mean(axis=2).clip(0, 254) / 255 * classes).astype(np.uint8)
    image = (image + np.random.normal(0, 8, image.shape)).clip(0, 255).astype(np.uint8)
    if index % 2:
        image[: height // 8], mask[: height // 8] = 0, 255
    return dict(
        img=image,
        gt_seg_map=mask,
        seg_fields=['gt_seg_map'],
        img_shape=size,
        ori_shape=size,
        pad_shape=size,
        img_path=f'made_{index}',
        reduce_zero_label=False,
    )


def _range_image(sample: dict, channels: int) -> dict:
    """The sample as if it had been projected: floats, and a pixel without a point in eight."""
    height, width = sample['img_shape']
    occupied = np.random.rand(height, width) >= 1 / 8
    image = np.repeat(sample['img'][..., :1], channels, axis=2) / np.float32(255)
    valid = occupied.astype(np.float32)
    return dict(sample, img=image, valid_map=valid, seg_fields=['gt_seg_map', 'valid_map'])
