"""Cityscapes, fine annotations: 2975 training and 500 validation images, 19 classes.

Sources are leftImg8bit and gtFine, as folders (or the folder that holds both) or zips. Makes
<out>/cityscapes/leftImg8bit/{train,val}/<city>/*_leftImg8bit.png and
<out>/cityscapes/gtFine/{train,val}/<city>/*_gtFine_labelTrainIds.png, the latter linked where the
source has them, else made from *_gtFine_labelIds.png; and the same two trees at half the size below
<out>/cityscapes_half, which the protocol of French et al. (CutMix) trains and evaluates on: image =
2 x 2 mean, truncated; label = majority of 2 x 2 raw ids. --check compares the size of every file.
"""

from functools import partial
from pathlib import Path

import numpy as np
from torchvision.datasets import Cityscapes

from mmseg_plugins.datasets.prepare import archive, bulk, half, pictures, store
from mmseg_plugins.errors import UserError

NAME = 'cityscapes'
HELP = 'link Cityscapes, make its train ids and its half-resolution copy (2975 + 500)'
EXAMPLE = (
    'python tools/prepare_data.py cityscapes --source leftImg8bit_trainvaltest.zip '
    'gtFine_trainvaltest.zip'
)
BENCHMARK = 'cityscapes_cps_186'  # the one the closing hint trains on

HALF = 'cityscapes_half'
SIZES = dict(both=(NAME, HALF), full=(NAME,), half=(HALF,))
COUNTS = dict(train=2975, val=500)
IMAGE, RAW, TRAIN = '_leftImg8bit.png', '_gtFine_labelIds.png', '_gtFine_labelTrainIds.png'

# 34 raw ids to 19 classes and 255; the official converter draws the same polygons with these.
TRAIN_IDS = np.full(256, 255, dtype=np.uint8)
for _c in Cityscapes.classes:
    if _c.id >= 0:
        TRAIN_IDS[_c.id] = _c.train_id
RAW_IDS = pictures.only(*range(34))
CLASS_IDS = pictures.only(*range(19), 255)


def prepare(
    sources,
    out,
    copy: bool = False,
    force: bool = False,
    workers: int = 4,
    counts: dict = COUNTS,
    size: str = 'both',
) -> bool:
    """Check the sources, link them below ``out``, and make what is made.

    Args:
        sources (list[str or Path]): Folders and archives.
        out (str or Path): Data root.
        copy (bool): Whether to copy files instead of linking them. Defaults to False.
        force (bool): Whether to replace what is there. Defaults to False.
        workers (int): Threads. Defaults to 4.
        counts (dict): Images of 'train' and 'val'. Defaults to 2975 and 500.
        size (str): 'full', 'half' or 'both'. Defaults to 'both'.

    Returns:
        bool: False if everything was there already.

    Raises:
        UserError: If a source is missing, incomplete or damaged, or something is in the way.
    """
    out, jobs = Path(out), []
    for name in SIZES[size]:
        facts = dict(version=1, counts=counts)
        if name == NAME:
            facts['files'] = 'copied' if copy else 'linked'
        if not bulk.begin(out, name, facts, sources, force):
            continue
        jobs = jobs or pair(archive.open_sources(sources, out, {}), sources, counts)
        make = _make_half if name == HALF else partial(_make_full, copy=copy)
        work = partial(make, folder=out / name, force=force)
        bulk.make(out, name, facts, work, jobs, workers)
    return bool(jobs)


def pair(roots: list, sources: list, counts: dict) -> list:
    """List every image with the stem of its masks.

    Args:
        roots (list[Path]): Folders to look in.
        sources (list): As the user named them.
        counts (dict): Expected images of 'train' and 'val'.

    Returns:
        list[tuple[str, Path, Path]]: Id ('train/aachen/aachen_000000_000019'), image, and the path
        of the masks without suffix.

    Raises:
        UserError: If a folder is not found or is not complete.
    """
    folders = {}
    for part in ('leftImg8bit', 'gtFine'):
        named = [root.parent for root in roots if root.name == part]
        places = (part, f'cityscapes/{part}')
        folders[part] = archive.find([*named, *roots], places, tuple(counts))
        if folders[part] is None:
            raise UserError(
                f'--source {" ".join(map(str, sources))}: no folder {part} with train and val; '
                f'name it, its zip, or the folder that holds it'
            )
    jobs = []
    for split, count in counts.items():
        images = sorted((folders['leftImg8bit'] / split).glob(f'*/*{IMAGE}'))
        if len(images) != count:
            raise UserError(
                f'{folders["leftImg8bit"] / split}: expected {count} images *{IMAGE}, found '
                f'{len(images)}; complete the source'
            )
        for image in images:
            name = f'{split}/{image.parent.name}/{image.name.removesuffix(IMAGE)}'
            jobs.append((name, image, folders['gtFine'] / name))
    return jobs


def _make_full(job: tuple, folder: Path, copy: bool, force: bool) -> list[str]:
    """Place one image, and link or make its mask; returns their paths."""
    name, image, stem = job
    paths = [f'leftImg8bit/{name}{IMAGE}', f'gtFine/{name}{TRAIN}']
    mask, target = stem.with_name(stem.name + TRAIN), folder / paths[1]
    if mask.is_file():
        if force or not bulk.is_done(target, mask, copy):
            fix = f'remove it, so that it is made from *{RAW}'
            ids = pictures.read_ids(mask, CLASS_IDS, '0..18 and 255', fix)
            pictures.check_size(image, ids.shape, mask)
            bulk.place(mask, target, copy, force)
    elif force or not bulk.is_done(target):
        ids = _read_raw(stem, f' nor {mask.name}')
        pictures.check_size(image, ids.shape, stem.with_name(stem.name + RAW))
        bulk.write_png(target, TRAIN_IDS[ids])
    bulk.place(image, folder / paths[0], copy, force)
    return paths


def _make_half(job: tuple, folder: Path, force: bool) -> list[str]:
    """Halve one image and its mask; returns their paths."""
    name, image, stem = job
    paths = [f'leftImg8bit/{name}{IMAGE}', f'gtFine/{name}{TRAIN}']
    if force or not all(bulk.is_done(folder / path) for path in paths):
        ids = _read_raw(stem, ', which the half size is made from')
        pictures.check_size(image, ids.shape, stem.with_name(stem.name + RAW))
        if ids.shape[0] % 2 or ids.shape[1] % 2:
            raise UserError(
                f'{image}: {ids.shape[1]} x {ids.shape[0]} pixels, but only even sides can be '
                'halved; give the original images (2048 x 1024)'
            )
        pixels = np.asarray(pictures.open_image(image).convert('RGB'))
        bulk.write_png(folder / paths[0], half.halve_image(pixels))
        bulk.write_png(folder / paths[1], TRAIN_IDS[half.halve_labels(ids)])
    return paths


def _read_raw(stem: Path, purpose: str) -> np.ndarray:
    """Raw ids of an image, uint8 (H, W)."""
    path = stem.with_name(stem.name + RAW)
    if not path.is_file():
        raise UserError(f'{stem.parent}: there is no {path.name}{purpose}; complete gtFine')
    return pictures.read_ids(path, RAW_IDS, '0..33', 'give the original gtFine')


def check(args) -> list:
    """Compare both sizes with their manifests, as far as they were made."""
    made = [name for name in (NAME, HALF) if (args.out / name).exists()] or [NAME]
    return [row for name in made for row in store.check(args.out, name)]


def add_arguments(parser) -> None:
    """Add this subcommand's own options; those of every subcommand are in the tool."""
    bulk.add_arguments(parser, 'leftImg8bit and gtFine: folders or zips')
    parser.add_argument(
        '--size',
        choices=SIZES,
        default='both',
        help='full for most methods, half for the protocol of French et al. (both)',
    )


def run(args) -> bool:
    """Run the subcommand; returns as :func:`prepare`."""
    return prepare(args.source, args.out, args.copy, args.force, args.workers, size=args.size)
