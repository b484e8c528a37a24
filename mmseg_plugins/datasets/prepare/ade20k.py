"""ADE20K as in the scene parsing challenge of 2016: 20 210 training and 2000 validation images.

The source is ADEChallengeData2016 (folder or zip). Makes
<out>/ade20k/{images,annotations}/{training,validation}. Masks keep their ids 0..150, of which 0 is
"other"; the loader turns them into classes (reduce_zero_label=True). --check compares the size of
every file; ids, modes and sizes are checked when it is made.
"""

from functools import partial
from pathlib import Path

from mmseg_plugins.datasets.prepare import archive, bulk, fetch, pictures
from mmseg_plugins.errors import UserError

NAME = 'ade20k'
HELP = 'link ADE20K, challenge of 2016 (20 210 + 2000, 150 classes)'
EXAMPLE = 'python tools/prepare_data.py ade20k --source ADEChallengeData2016.zip'
BENCHMARK = 'ade20k_unimatch_316'  # the one the closing hint trains on

COUNTS = dict(training=20210, validation=2000)
IDS = pictures.only(*range(151))
URL = 'http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip'


def prepare(
    sources,
    out,
    copy: bool = False,
    force: bool = False,
    workers: int = 4,
    counts: dict = COUNTS,
) -> bool:
    """Check the source and link it below ``out``.

    Args:
        sources (list[str or Path]): Folder or archive.
        out (str or Path): Data root.
        copy (bool): Whether to copy files instead of linking them. Defaults to False.
        force (bool): Whether to replace what is there. Defaults to False.
        workers (int): Threads. Defaults to 4.
        counts (dict): Images of 'training' and 'validation'. Defaults to 20210 and 2000.

    Returns:
        bool: False if this data set was there already.

    Raises:
        UserError: If the source is missing, incomplete or damaged, or something is in the way.
    """
    out = Path(out)
    facts = dict(version=1, files='copied' if copy else 'linked', counts=counts)
    if not bulk.begin(out, NAME, facts, sources, force):
        return False
    roots = archive.open_sources(sources, out, {})
    base = archive.find(
        roots, ('', 'ADEChallengeData2016'), ('images/training', 'annotations/training')
    )
    if base is None:
        raise UserError(
            f'--source {" ".join(map(str, sources))}: no ADEChallengeData2016; looked for '
            'images/training and annotations/training'
        )
    jobs = [job for part, count in counts.items() for job in _pair(base, part, count)]
    work = partial(_make, folder=out / NAME, copy=copy, force=force)
    bulk.make(out, NAME, facts, work, jobs, workers)
    return True


def _pair(base: Path, part: str, count: int) -> list:
    """Path below the folders, image and mask of every image of a part."""
    folders = base / 'images' / part, base / 'annotations' / part
    images = pictures.by_stem(folders[0], ('.jpg',))
    masks = pictures.by_stem(folders[1], ('.png',))
    for folder, found in zip(folders, (images, masks), strict=True):
        if len(found) != count:
            raise UserError(
                f'{folder}: expected {count} files, found {len(found)}; complete the source'
            )
    lone = sorted(set(images) - set(masks))
    if lone:
        raise UserError(f'{images[lone[0]]}: no mask {folders[1]}/{lone[0]}.png; get both again')
    return [(f'{part}/{name}', images[name], masks[name]) for name in images]


def _make(job: tuple, folder: Path, copy: bool, force: bool) -> list[str]:
    """Check one image with its mask and place both; returns their paths."""
    name, image, mask = job
    paths = [f'images/{name}.jpg', f'annotations/{name}.png']
    if force or not bulk.is_done(folder / paths[1], mask, copy):
        fix = 'give the annotations of ADEChallengeData2016, not those of the full ADE20K'
        ids = pictures.read_ids(mask, IDS, '0..150', fix)
        pictures.check_size(image, ids.shape, mask)
        bulk.place(mask, folder / paths[1], copy, force)
    bulk.place(image, folder / paths[0], copy, force)
    return paths


def add_arguments(parser) -> None:
    """Add this subcommand's own options; those of every subcommand are in the tool."""
    bulk.add_arguments(parser, 'ADEChallengeData2016: folder or zip')
    parser.add_argument('--download', action='store_true', help='fetch the zip into OUT/archives')


def run(args) -> bool:
    """Run the subcommand; returns as :func:`prepare`."""
    sources = list(args.source)
    if args.download:
        sources.append(fetch.download(URL, args.out / archive.FOLDER / Path(URL).name))
    return prepare(sources, args.out, args.copy, args.force, args.workers)
