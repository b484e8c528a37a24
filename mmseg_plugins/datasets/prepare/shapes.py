"""The embedded benchmark "shapes": generated scenes in the layout of Pascal VOC."""

from pathlib import Path

import numpy as np
from PIL import Image

from mmseg_plugins.datasets.prepare import scene, splits, store

NAME = 'shapes'
HELP = 'generate the embedded benchmark (320 images, 6 classes) from a seed'
EXAMPLE = 'python tools/prepare_data.py shapes --seed 0'
BENCHMARK = 'shapes_12'  # the one the closing hint trains on

README = """Data set "shapes", generator version {version}, seed {seed}.

{counts} of {size} x {size} pixels, drawn by tools/prepare_data.py.
Class ids: {classes}; 255 is the border of an object (ignored).

The labelled lists in ../splits/shapes_* are not drawn at random: they are stratified by class. From
seed {seed}, each list was chosen so that the share of images that show a class and its share of the
pixels are near those of all {train} training images. A shorter list is part of every longer one.
Results on them tell nothing about lists drawn blindly.
"""


def prepare(
    out,
    seed: int = 0,
    force: bool = False,
    counts: tuple = (200, 120),
    labelled: tuple = (12, 24, 48),
    size: int = 128,
) -> bool:
    """Generate the data set and its split lists.

    Args:
        out (str or Path): Data root.
        seed (int): Seed of images and lists. Defaults to 0.
        force (bool): Whether to replace what is there. Defaults to False.
        counts (tuple[int]): Training and validation images. Defaults to (200, 120).
        labelled (tuple[int]): Lengths of the labelled lists. Defaults to (12, 24, 48).
        size (int): Side of an image in pixels. Defaults to 128.

    Returns:
        bool: False if this very data set was there already.

    Raises:
        UserError: If another data set is there, or ``out`` cannot be written.
    """
    splits.check_seed(seed)
    out = Path(out)
    facts = dict(
        version=scene.VERSION, seed=seed, images=list(counts), labelled=list(labelled), size=size
    )
    if store.is_ready(out, NAME, facts, force):
        return False
    with store.staging(out, NAME) as stage:
        ids, pixels = _draw(stage / NAME, seed, dict(zip(scene.SPLITS, counts, strict=True)), size)
        for split in scene.SPLITS:
            splits.write_list(
                stage / NAME / f'ImageSets/Segmentation/{split}.txt',
                [name for where, name in ids if where == split],
            )
        train = [name for split, name in ids if split == 'train']
        chosen = splits.nested_stratified(train, pixels[: len(train)], labelled, seed)
        splits.write_splits(stage / 'splits', NAME, train, chosen)
        (stage / NAME / 'README.txt').write_text(
            README.format(
                version=scene.VERSION,
                seed=seed,
                size=size,
                counts=f'{counts[0]} training and {counts[1]} validation images',
                classes=', '.join(f'{k} {name}' for k, name in enumerate(scene.CLASSES)),
                train=counts[0],
            )
        )
        store.publish(stage, out, NAME, facts, force)
    return True


def _draw(folder: Path, seed: int, counts: dict, size: int) -> tuple:
    """Write images and masks; ids run on from 'train' to 'val'.

    Returns:
        tuple[list, np.ndarray]: (split, id) of every image, and its pixels per class.
    """
    for part in ('JPEGImages', 'SegmentationClass'):
        (folder / part).mkdir(parents=True)
    jobs = [(split, index) for split, count in counts.items() for index in range(count)]
    palette = np.zeros((256, 3), dtype=np.uint8)
    palette[: len(scene.PALETTE)] = scene.PALETTE
    palette[scene.IGNORE] = (224, 224, 192)  # VOC's colour of borders
    ids, pixels = [], []
    for split, index in store.track(jobs, f'drawing {len(jobs)} scenes'):
        name = f'shape_{len(ids) + 1:04d}'
        image, mask = scene.render_scene(seed, split, index, size)
        Image.fromarray(image).save(folder / f'JPEGImages/{name}.png')
        indexed = Image.fromarray(mask)
        indexed.putpalette(palette.tobytes())
        indexed.save(folder / f'SegmentationClass/{name}.png')
        ids.append((split, name))
        pixels.append(np.bincount(mask[mask != scene.IGNORE], minlength=len(scene.CLASSES)))
    return ids, np.array(pixels)


def add_arguments(parser) -> None:
    """Add this subcommand's own options; those of every subcommand are in the tool."""
    splits.add_seed(parser)


def run(args) -> bool:
    """Run the subcommand; returns as :func:`prepare`."""
    return prepare(args.out, args.seed, args.force)
