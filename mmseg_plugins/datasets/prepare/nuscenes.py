"""nuScenes-lidarseg: 28 130 training and 6 019 validation key frames of v1.0-trainval.

Sources are folders or archives of the full data set (v1.0, trainval) with the LiDAR key frames
(samples/LIDAR_TOP), the tables (v1.0-trainval) and the lidarseg package (lidarseg/v1.0-trainval and
its own category.json and lidarseg.json). Links points and labels below <out>/nuscenes and writes
index.json (sample token to files) and train.txt there, and splits/nuscenes_*/unlabeled.txt: the
training scans that are not labelled. Which samples are validation is read from <out>/nuscenes/
val.txt, which labelled from splits/nuscenes_*/labeled.txt: run the subcommand splits first.
"""

import json
import operator
import re
from functools import partial
from pathlib import Path

from mmseg_plugins.datasets.lidar import nuscenes_labels
from mmseg_plugins.datasets.prepare import archive, bulk, lists, scan_sizes, splits
from mmseg_plugins.datasets.read_list import read_split_list
from mmseg_plugins.errors import UserError
from mmseg_plugins.results.atomic import write_atomic

NAME = 'nuscenes'
HELP = 'link nuScenes-lidarseg (28130 + 6019 scans), write its index and unlabelled lists'
EXAMPLE = 'python tools/prepare_data.py nuscenes --source nuscenes'
BENCHMARK = 'nuscenes_1pct'  # the one the closing hint trains on

VERSION = 'v1.0-trainval'
COUNTS = (nuscenes_labels.NUM_TRAIN, nuscenes_labels.NUM_VAL)
CHUNK = 1 << 22
# The tables and what is read of their rows.
TABLES = dict(
    category=dict(index=int, name=str),
    lidarseg=dict(sample_data_token=str, filename=str),
    sample_data=dict(token=str, sample_token=str, is_key_frame=bool, filename=str),
)


def prepare(
    sources,
    out,
    copy: bool = False,
    force: bool = False,
    workers: int = 4,
    counts: tuple[int, int] = COUNTS,
) -> bool:
    """Check the sources, link them below ``out``, write index and lists.

    Args:
        sources (list[str or Path]): Folders and archives.
        out (str or Path): Data root, with the lists of ``prepare_data.py splits``.
        copy (bool): Whether to copy files instead of linking them. Defaults to False.
        force (bool): Whether to replace what is there. Defaults to False.
        workers (int): Threads. Defaults to 4.
        counts (tuple[int, int]): Training and validation scans. Defaults to 28 130 and 6 019.

    Returns:
        bool: False if this very data set was there already.

    Raises:
        UserError: If a source or a list is missing, incomplete or of another version.
    """
    out = Path(out)
    facts = dict(version=1, counts=list(counts), files='copied' if copy else 'linked')
    if not bulk.begin(out, NAME, facts, sources, force):
        return False
    val = read_split_list(
        str(out / NAME / 'val.txt'), 'write it first with python tools/prepare_data.py splits'
    )
    roots = archive.open_sources(sources, out, {})
    index = build_index(roots, sources)
    train = split(index, val, counts, out / NAME / 'val.txt')
    pairs = [[_find(roots, path) for path in paths] for paths in index.values()]
    scan_sizes.check(pairs, 'nuscenes')

    def place(paths: list[str], files: list[Path]) -> list[str]:
        for path, file in zip(paths, files, strict=True):
            bulk.place(file, out / NAME / path, copy, force)
        return paths

    def write_lists() -> list[str]:
        write_atomic(out / NAME / 'index.json', json.dumps(index, indent=0))
        splits.write_list(out / NAME / 'train.txt', train)
        write_unlabelled(out, train)
        return ['index.json', 'train.txt', 'val.txt']

    jobs = [partial(place, *job) for job in zip(index.values(), pairs, strict=True)]
    bulk.make(out, NAME, facts, operator.call, [*jobs, write_lists], workers)
    return True


def build_index(roots: list[Path], sources) -> dict[str, list[str]]:
    """Which files belong to which sample.

    Args:
        roots (list[Path]): Folders to look in.
        sources (list): As the user named them.

    Returns:
        dict[str, list[str]]: Sample token to the files of its scan and its labels, relative to the
        data set, in the order of the tables.

    Raises:
        UserError: If a table is missing, of another version or does not fit.
    """
    named = ' '.join(map(str, sources))
    tables = {}
    for name in TABLES:
        places = [root / VERSION / f'{name}.json' for root in roots]
        if name == 'category':  # that of the lidarseg package has an index, the other has none
            places = [path for path in places if path.is_file() and b'"index"' in path.read_bytes()]
        found = [path for path in places if path.is_file()]
        if not found:
            raise UserError(f'--source {named}: {_why_missing(roots, name)}')
        tables[name] = found[0]

    categories = {row['index']: row['name'] for row in rows(tables['category'], 'category')}
    nuscenes_labels.TABLE.check_names(categories, str(tables['category']))
    labels = {
        row['sample_data_token']: row['filename'] for row in rows(tables['lidarseg'], 'lidarseg')
    }
    index = {}
    for row in rows(tables['sample_data'], 'sample_data'):
        if row['is_key_frame'] and row['filename'].startswith('samples/LIDAR_TOP/'):
            if row['token'] not in labels:
                raise UserError(
                    f'{tables["lidarseg"]}: no labels for the key frame {row["token"]} of '
                    f'{tables["sample_data"]}; give the lidarseg package of {VERSION}'
                )
            files = [row['filename'], labels[row['token']]]
            for name in files:  # it becomes a path below the data root
                if name.startswith('/') or '..' in name.split('/'):
                    raise UserError(
                        f'{tables["sample_data"].parent}: the key frame {row["token"]} has the '
                        f'file {name!r} outside the data set; get the tables again'
                    )
            index[row['sample_token']] = files
    return index


def rows(path: Path, table: str):
    """Rows of a table, one at a time: sample_data.json has a gigabyte.

    Args:
        path (Path): A JSON file that holds a list.
        table (str): Which of ``TABLES`` it is.

    Yields:
        dict: A row.

    Raises:
        UserError: If it is no such file, or a row lacks what the table must have.
    """
    decoder, between = json.JSONDecoder(), re.compile(r'[\s,]*')
    with open(path, encoding='utf-8', errors='replace') as file:
        text, place = file.read(CHUNK), 1
        if text[:1] != '[':
            raise UserError(f'{path}: no JSON list; get the table again')
        while True:
            place = between.match(text, place).end()
            if text[place : place + 1] == ']':
                return
            try:
                row, place = decoder.raw_decode(text, place)
            except ValueError:
                chunk = file.read(CHUNK)
                if not chunk:
                    raise UserError(f'{path}: breaks off; get the table again') from None
                text, place = text[place:] + chunk, 0
            else:
                for key, kind in TABLES[table].items():
                    if not isinstance(row, dict) or not isinstance(row.get(key), kind):
                        raise UserError(
                            f'{path}: a row has no proper {key!r}: {str(row)[:80]}; get the table '
                            'again'
                        )
                yield row


def split(index: dict, val: list[str], counts: tuple[int, int], path: Path) -> list[str]:
    """The training samples: all but those of the validation list.

    Args:
        index (dict): Of :func:`build_index`.
        val (list[str]): Validation tokens.
        counts (tuple[int, int]): Expected training and validation samples.
        path (Path): Of the validation list, for the message.

    Returns:
        list[str]: Sorted tokens.

    Raises:
        UserError: If the counts differ or a validation token has no scan.
    """
    unknown = [token for token in val if token not in index]
    if unknown:
        raise UserError(
            f'{path}: {unknown[0]} (and {len(unknown) - 1} more of {len(val)}) is no key frame of '
            f'{VERSION}; give the full data set and the list of prepare_data.py splits'
        )
    train = sorted(set(index) - set(val))
    if (len(train), len(val)) != tuple(counts):
        raise UserError(
            f'{VERSION}: {len(train)} training and {len(val)} validation key frames, expected '
            f'{counts[0]} and {counts[1]}; give the full data set'
        )
    return train


def write_unlabelled(out: Path, train: list[str]) -> None:
    """Write the complement of every labelled list that is there.

    Args:
        out (Path): Data root.
        train (list[str]): Training tokens.

    Raises:
        UserError: If there is no labelled list, or one has other tokens.
    """
    known = [name for name in lists.known_benchmarks() if name.startswith(f'{NAME}_')]
    written = [name for name in known if (out / lists.list_path(name, 'labeled')).is_file()]
    if not written:
        raise UserError(
            f'{out / lists.list_path(known[0], "labeled")}: no labelled list is here; write them '
            'first with python tools/prepare_data.py splits'
        )
    for name in written:
        path = out / lists.list_path(name, 'labeled')
        labelled = set(read_split_list(str(path)))
        unknown = labelled - set(train)
        if unknown:
            raise UserError(
                f'{path}: {min(unknown)} (and {len(unknown) - 1} more) is no training sample of '
                f'{VERSION}; write it again with python tools/prepare_data.py splits --force'
            )
        rest = [token for token in train if token not in labelled]
        splits.write_list(out / lists.list_path(name, 'unlabeled'), rest)


def _find(roots: list[Path], path: str) -> Path:
    """The file of a source."""
    for root in roots:
        if (root / path).is_file():
            return root / path
    raise UserError(
        f'{roots[0] / path}: is missing, though the tables of {VERSION} name it; complete the '
        'source with samples/LIDAR_TOP and lidarseg'
    )


def _why_missing(roots: list[Path], name: str) -> str:
    """What to say about a table that is not there."""
    mini = [root / 'v1.0-mini' for root in roots if (root / 'v1.0-mini').is_dir()]
    if mini and not any((root / VERSION).is_dir() for root in roots):
        return f'{mini[0]} is the version mini (404 scans), the lists are of {VERSION}; give that'
    if name == 'sample_data' or not any((root / VERSION).is_dir() for root in roots):
        return f'no {VERSION}/{name}.json; give the metadata of {VERSION}'
    return (
        f'no {VERSION}/{name}.json of the lidarseg package; unpack '
        'nuScenes-lidarseg-all-v1.0.tar.bz2 over the data set, or name it as well'
    )


def add_arguments(parser) -> None:
    """Add this subcommand's own options; those of every subcommand are in the tool."""
    bulk.add_arguments(parser, 'nuScenes v1.0 trainval with lidarseg: folders or archives')


def run(args) -> bool:
    """Run the subcommand; returns as :func:`prepare`."""
    return prepare(args.source, args.out, args.copy, args.force, args.workers)
