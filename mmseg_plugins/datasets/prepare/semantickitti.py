"""SemanticKITTI: 19 130 training and 4 071 validation scans of 64 beams, 19 classes.

Sources are data_odometry_velodyne and data_odometry_labels, as folders (or the folder that holds
both, down to dataset/sequences) or zips. Links <out>/semantickitti/sequences/<sequence>/
{velodyne,labels} and compares the size of every scan with that of its labels. The lists are those
of the subcommand splits.
"""

from pathlib import Path

from mmseg_plugins.datasets.lidar.semantickitti_labels import TRAIN, VAL
from mmseg_plugins.datasets.prepare import archive, bulk, scan_sizes
from mmseg_plugins.errors import UserError

NAME = 'semantickitti'
HELP = 'link SemanticKITTI (19130 + 4071 scans)'
EXAMPLE = (
    'python tools/prepare_data.py semantickitti --source data_odometry_velodyne.zip '
    'data_odometry_labels.zip'
)
BENCHMARK = 'semantickitti_1pct'  # the one the closing hint trains on

COUNTS = {**TRAIN, **VAL}
PLACES = ('sequences', 'dataset/sequences', '.')
SUFFIXES = dict(velodyne='.bin', labels='.label', scribbles='.label')


def prepare(
    sources,
    out,
    copy: bool = False,
    force: bool = False,
    workers: int = 4,
    counts: dict[str, int] = COUNTS,
    name: str = NAME,
    train_labels: str = 'labels',
) -> bool:
    """Check the sources and link them below ``out``.

    Args:
        sources (list[str or Path]): Folders and archives.
        out (str or Path): Data root.
        copy (bool): Whether to copy files instead of linking them. Defaults to False.
        force (bool): Whether to replace what is there. Defaults to False.
        workers (int): Threads. Defaults to 4.
        counts (dict[str, int]): Scans per sequence; 08 is the validation. Defaults to 19 130
            and 4 071 in all.
        name (str): Folder below ``out``. Defaults to ``'semantickitti'``.
        train_labels (str): Folder of the labels of the training sequences. Defaults to
            ``'labels'``.

    Returns:
        bool: False if this very data set was there already.

    Raises:
        UserError: If a source is missing, incomplete or damaged, or something is in the way.
    """
    out = Path(out)
    facts = dict(version=1, counts=counts, files='copied' if copy else 'linked')
    if not bulk.begin(out, name, facts, sources, force):
        return False
    roots = archive.open_sources(sources, out, {})
    pairs = []
    for sequence, count in counts.items():
        part = 'labels' if sequence in VAL else train_labels
        scans = find(roots, sources, sequence, 'velodyne', count)
        labels = find(roots, sources, sequence, part, count)
        lone = [scan for scan, file in zip(scans, labels, strict=True) if scan.stem != file.stem]
        if lone:
            raise UserError(
                f'{labels[0].parent}: no {lone[0].stem}.label for {lone[0]}; get both again'
            )
        pairs += zip(scans, labels, strict=True)
    scan_sizes.check(pairs, 'semantickitti', read=2 * len(counts))

    def place(pair: tuple[Path, Path]) -> list[str]:
        paths = [f'sequences/{f.parent.parent.name}/{f.parent.name}/{f.name}' for f in pair]
        for file, path in zip(pair, paths, strict=True):
            bulk.place(file, out / name / path, copy, force)
        return paths

    bulk.make(out, name, facts, place, pairs, workers)
    return True


def find(roots: list[Path], sources, sequence: str, part: str, count: int) -> list[Path]:
    """Files of one kind of a sequence.

    Args:
        roots (list[Path]): Folders to look in.
        sources (list): As the user named them.
        sequence (str): ``'00'`` and so on.
        part (str): ``'velodyne'``, ``'labels'`` or ``'scribbles'``.
        count (int): How many there must be.

    Returns:
        list[Path]: In order.

    Raises:
        UserError: If the folder is not found or has another number of files.
    """
    folder = archive.find(roots, PLACES, (f'{sequence}/{part}',))
    if folder is None:
        raise UserError(
            f'--source {" ".join(map(str, sources))}: no folder sequences/{sequence}/{part}; name '
            f'the folder or archive that has the {part}'
        )
    folder = folder / sequence / part
    files = sorted(folder.glob(f'*{SUFFIXES[part]}'))
    if len(files) != count:
        raise UserError(
            f'{folder}: expected {count} files *{SUFFIXES[part]}, found {len(files)}; complete the '
            'source'
        )
    return files


def add_arguments(parser) -> None:
    """Add this subcommand's own options; those of every subcommand are in the tool."""
    bulk.add_arguments(parser, 'velodyne scans and labels: folders or archives')


def run(args) -> bool:
    """Run the subcommand; returns as :func:`prepare`."""
    return prepare(args.source, args.out, args.copy, args.force, args.workers)
