"""VOC 2012 with the augmented masks: 10 582 training and 1449 validation images.

Sources are the trainval archive (VOCtrainval_11-May-2012.tar) or its folder VOCdevkit/VOC2012, and
the augmented masks: SegmentationClassAug as archive or folder, or SBD (benchmark.tgz, or its
folder) with its .mat files. The images that VOC itself annotated keep VOC's masks.

Makes <out>/voc12/JPEGImages/*.jpg and <out>/voc12/SegmentationClassAug/*.png, masks of ids 0..20
and 255. --check compares the size of every file; ids, modes and sizes are checked when it is made.
"""

from functools import partial
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from torchvision.datasets import sbd, voc

from mmseg_plugins.datasets.prepare import archive, bulk, fetch, lists, pictures
from mmseg_plugins.errors import UserError

NAME = 'voc12'
HELP = 'link VOC 2012 with its augmented masks (10 582 + 1449)'
EXAMPLE = (
    'python tools/prepare_data.py voc12 --source VOCtrainval_11-May-2012.tar '
    'SegmentationClassAug.zip'
)
BENCHMARK = 'voc_classic_92'  # the one the closing hint trains on

COUNTS = dict(train_aug=10582, val=1449)
IDS = pictures.only(*range(21), 255)

_TRAINVAL, _SBD = voc.DATASET_YEAR_DICT['2012'], sbd.SBDataset
URLS = (_TRAINVAL['url'], _SBD.url)
CHECKSUMS = {
    _TRAINVAL['filename']: f'md5:{_TRAINVAL["md5"]}',
    _SBD.filename: f'md5:{_SBD.md5}',
}

VOC_PLACES = ('', 'VOC2012', 'VOCdevkit/VOC2012', 'TrainVal/VOCdevkit/VOC2012')
VOC_PARTS = ('JPEGImages', 'SegmentationClass', 'ImageSets/Segmentation')
SBD_PLACES = ('', 'dataset', 'benchmark_RELEASE/dataset')


def prepare(
    sources,
    out,
    copy: bool = False,
    force: bool = False,
    workers: int = 4,
    counts: dict = COUNTS,
    check_names: bool = True,
) -> bool:
    """Check the sources and link them below ``out``.

    Args:
        sources (list[str or Path]): Folders and archives.
        out (str or Path): Data root.
        copy (bool): Whether to copy files instead of linking them. Defaults to False.
        force (bool): Whether to replace what is there. Defaults to False.
        workers (int): Threads. Defaults to 4.
        counts (dict): Images of 'train_aug' and 'val'. Defaults to 10582 and 1449.
        check_names (bool): Whether their names must be the recorded ones. Defaults to True.

    Returns:
        bool: False if this data set was there already.

    Raises:
        UserError: If a source is missing, incomplete or damaged, or something is in the way.
    """
    out = Path(out)
    facts = dict(version=1, files='copied' if copy else 'linked', counts=counts)
    if not bulk.begin(out, NAME, facts, sources, force):
        return False
    roots = archive.open_sources(sources, out, CHECKSUMS)
    shown = ' '.join(map(str, sources))
    base = archive.find(roots, VOC_PLACES, VOC_PARTS)
    if base is None:
        raise UserError(
            f'--source {shown}: no VOC 2012; looked for the folders {", ".join(VOC_PARTS)} in it '
            'and in VOCdevkit/VOC2012'
        )
    augmented = find_augmented(roots, base)
    if not augmented:
        raise UserError(
            f'--source {shown}: no augmented masks; name SegmentationClassAug (*.png) or SBD '
            '(dataset/cls/*.mat) as well'
        )
    jobs = pair(base, augmented, counts, check_names)
    work = partial(_make, folder=out / NAME, copy=copy, force=force)
    bulk.make(out, NAME, facts, work, jobs, workers)
    return True


def find_augmented(roots: list, base: Path) -> dict[str, Path]:
    """The augmented masks by name: those of SegmentationClassAug, else SBD's."""
    for root in (*roots, base):
        for folder in (root, *(root / place / 'SegmentationClassAug' for place in VOC_PLACES)):
            if folder.name == 'SegmentationClassAug' or folder in roots:
                found = pictures.by_stem(folder, ('.png',))
                if found:
                    return found
    folder = archive.find(roots, SBD_PLACES, ('cls',))
    return pictures.by_stem(folder / 'cls', ('.mat',)) if folder else {}


def pair(base: Path, augmented: dict, counts: dict, check_names: bool) -> list:
    """List every image with its mask.

    Args:
        base (Path): The folder VOC2012.
        augmented (dict[str, Path]): Augmented masks by name.
        counts (dict): Expected images of 'train_aug' and 'val'.
        check_names (bool): Whether the names must be the recorded ones.

    Returns:
        list[tuple[str, Path, Path]]: Name, image, mask.

    Raises:
        UserError: If they are not complete.
    """
    train, val = (_names(base / f'ImageSets/Segmentation/{part}.txt') for part in ('train', 'val'))
    names = dict(train_aug=sorted({*augmented, *train} - {*val}), val=sorted(val))
    for part, (benchmark, which) in dict(
        train_aug=('voc_french_106', 'unlabeled'), val=('voc12', 'val')
    ).items():
        if len(names[part]) != counts[part]:
            raise UserError(
                f'{base}: with the augmented masks {len(names[part])} images of {part}, expected '
                f'{counts[part]}; complete the sources'
            )
        known = lists.expected_list(benchmark, which)
        if check_names and lists.list_sha256(names[part]) != known[1]:
            raise UserError(
                f'{base}: the {counts[part]} names of {part} are not those of VOC 2012 with SBD; '
                'get the sources again'
            )
    annotated = {*train, *val}
    jobs = [
        (
            name,
            base / f'JPEGImages/{name}.jpg',
            base / f'SegmentationClass/{name}.png' if name in annotated else augmented[name],
        )
        for part in names.values()
        for name in part
    ]
    missing = [path for _, *files in jobs for path in files if not path.is_file()]
    if missing:
        more = f' (and {len(missing) - 1} more)' if len(missing) > 1 else ''
        raise UserError(f'{missing[0]}: missing{more}; complete the sources')
    return jobs


def _names(path: Path) -> list[str]:
    """Names in a list of the archive."""
    try:
        return path.read_text().split()
    except OSError as error:
        raise UserError(f'{path}: {error.strerror}; complete the source') from None


def _make(job: tuple, folder: Path, copy: bool, force: bool) -> list[str]:
    """Check one image with its mask and place both; returns their paths."""
    name, image, mask = job
    paths = [f'JPEGImages/{name}.jpg', f'SegmentationClassAug/{name}.png']
    target = folder / paths[1]
    if mask.suffix == '.mat':
        if force or not bulk.is_done(target):
            ids = read_mat(mask)
            pictures.check_size(image, ids.shape, mask)
            bulk.write_png(target, ids)
    elif force or not bulk.is_done(target, mask, copy):
        fix = 'give index masks (0..20, 255), as SegmentationClassAug holds them'
        ids = pictures.read_ids(mask, IDS, '0..20 and 255', fix)
        pictures.check_size(image, ids.shape, mask)
        bulk.place(mask, target, copy, force)
    bulk.place(image, folder / paths[0], copy, force)
    return paths


def read_mat(path: Path) -> np.ndarray:
    """The class ids of an SBD file, uint8 (H, W); as in mmseg's ``voc_aug.py``."""
    try:
        ids = loadmat(path)['GTcls'][0]['Segmentation'][0]
    except Exception as error:  # scipy raises what the damage happens to hit
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f'{path}: not an SBD mask ({reason}); get the file again') from None
    if ids.ndim != 2 or ids.min() < 0 or ids.max() > 20:
        raise UserError(f'{path}: not an SBD mask of ids 0..20; get the file again')
    return ids.astype(np.uint8)


def add_arguments(parser) -> None:
    """Add this subcommand's own options; those of every subcommand are in the tool."""
    bulk.add_arguments(parser, 'VOC 2012 and the augmented masks: folders or archives')
    parser.add_argument(
        '--download', action='store_true', help='fetch VOC 2012 and SBD into OUT/archives'
    )


def run(args) -> bool:
    """Run the subcommand; returns as :func:`prepare`."""
    sources = list(args.source)
    if args.download:
        folder = args.out / archive.FOLDER
        sources += [
            fetch.download(url, folder / Path(url).name, CHECKSUMS[Path(url).name]) for url in URLS
        ]
    return prepare(sources, args.out, args.copy, args.force, args.workers)
