"""What every split list of the matrix must be: its length, its hash, and where it comes from.

``lists.csv`` has one row per list file (see :func:`list_path`):

- ``benchmark``, ``label_seed`` (empty where there is one list), ``list`` (labeled, unlabeled; val
  of a data set), ``entries`` and ``sha256`` of the ids, one per line;
- ``origin``: path of the public file, ``<owner>/<repository>/<commit>/<path>``, and
  ``origin_sha256`` of its bytes. Several joined by ``+`` give their sorted union. A ``.pkl`` is a
  permutation: the list is the head of the benchmark's permuted unlabelled list. Without an origin
  the permutation is that of ``numpy.random.RandomState(label_seed)``; of a val list, it is all
  scans of SemanticKITTI's sequence 08. An unlabelled list with the origin of the labelled one is
  its complement in SemanticKITTI's training scans.

The unlabelled lists of nuScenes have no row: ``prepare_data.py nuscenes`` computes them.

A new family is new rows here.
"""

import csv
import functools
import hashlib
import posixpath
from pathlib import Path
from typing import NamedTuple

from mmseg_plugins.datasets.read_list import read_split_list
from mmseg_plugins.errors import UserError

TABLE = Path(__file__).with_name('lists.csv')
REPAIR = 'python tools/prepare_data.py splits --check'


class ListRecord(NamedTuple):
    """One row of ``lists.csv``."""

    benchmark: str
    label_seed: int | None
    which: str
    entries: int
    sha256: str
    origins: tuple[str, ...]
    origin_sha256: tuple[str, ...]

    @property
    def path(self) -> str:
        """The list's place below the data root."""
        return list_path(self.benchmark, self.which, self.label_seed)


def list_path(benchmark: str, which: str, label_seed: int | None = None) -> str:
    """Where a list lies below the data root.

    Args:
        benchmark (str): Benchmark (``voc_classic_92``); of ``val``, the data set (``voc12``).
        which (str): ``labeled``, ``unlabeled`` or ``val``.
        label_seed (int, optional): Where a benchmark averages over label seeds, one of them.
            Defaults to None.

    Returns:
        str: ``splits/voc_classic_92/labeled.txt``, ``splits/cityscapes_french_100/12345/...``,
        ``voc12/val.txt``.
    """
    if which == 'val':
        return f'{benchmark}/val.txt'
    folder = benchmark if label_seed is None else f'{benchmark}/{label_seed}'
    return f'splits/{folder}/{which}.txt'


@functools.cache
def read_table(table: Path = TABLE) -> dict:
    """Read ``lists.csv``.

    Args:
        table (Path): The file. Defaults to the package's own.

    Returns:
        dict[tuple, ListRecord]: By (benchmark, which, label seed or None), in the file's order.
    """
    records = {}
    with open(table, encoding='utf-8', newline='') as file:
        for row in csv.DictReader(file):
            record = ListRecord(
                row['benchmark'],
                int(row['label_seed']) if row['label_seed'] else None,
                row['list'],
                int(row['entries']),
                row['sha256'],
                tuple(filter(None, row['origin'].split('+'))),
                tuple(filter(None, row['origin_sha256'].split('+'))),
            )
            records[record.benchmark, record.which, record.label_seed] = record
    return records


def known_benchmarks(table: Path = TABLE) -> list[str]:
    """Names of the benchmarks with recorded lists, in the table's order."""
    return list(dict.fromkeys(r.benchmark for r in read_table(table).values() if r.which != 'val'))


def label_seeds(benchmark: str, table: Path = TABLE) -> list[int]:
    """Label seeds of a benchmark; empty where it has one labelled list."""
    found = (r for r in read_table(table).values() if r.benchmark == benchmark)
    return list(dict.fromkeys(r.label_seed for r in found if r.label_seed is not None))


def expected_list(
    benchmark: str, which: str, label_seed: int | None = None, table: Path = TABLE
) -> tuple[int, str]:
    """Length and hash that a list must have.

    Args:
        benchmark (str): Benchmark (``voc_classic_92``); of ``val``, the data set (``voc12``).
        which (str): ``labeled``, ``unlabeled`` or ``val``.
        label_seed (int, optional): As in :func:`list_path`. Defaults to None.
        table (Path): Records to look in. Defaults to the package's own.

    Returns:
        tuple[int, str]: Number of ids and :func:`list_sha256` of them.

    Raises:
        UserError: If there is no such record.
    """
    records = read_table(table)
    try:
        record = records[benchmark, which, label_seed]
    except KeyError:
        pass
    else:
        return record.entries, record.sha256
    seeds = label_seeds(benchmark, table)
    if benchmark in known_benchmarks(table) and seeds and label_seed not in seeds:
        raise UserError(
            f'{benchmark}: label_seed is {label_seed}; choose one of {", ".join(map(str, seeds))}'
        )
    known = list(dict.fromkeys(r.benchmark for r in records.values() if r.which == which))
    if benchmark in known:
        raise UserError(f'{benchmark}: has no label seeds, but label_seed is {label_seed}')
    raise UserError(
        f'{benchmark!r}: no {which} list of this name is recorded; known are ' + ', '.join(known)
    )


def list_sha256(ids: list) -> str:
    """SHA-256 of ids, one per line: that of the file as ``prepare_data.py`` writes it."""
    return hashlib.sha256(''.join(f'{name}\n' for name in ids).encode()).hexdigest()


def record_at(path: str, table: Path = TABLE) -> tuple[str, str, int | None] | None:
    """Which recorded list a path below the data root names.

    Args:
        path (str): E.g. ``splits/voc_classic_92/labeled.txt``.
        table (Path): As in :func:`expected_list`. Defaults to the package's own.

    Returns:
        tuple[str, str, int | None], optional: Benchmark, which list, label seed; None for a path
        that is not recorded.
    """
    path = posixpath.normpath(path)
    return next((key[:3] for key, record in read_table(table).items() if record.path == path), None)


def where_from(path: str, command: str | None, table: Path = TABLE) -> str:
    """The end of a message about a list that is not there: how to get it.

    Args:
        path (str): As in :func:`record_at`.
        command (str, optional): The subcommand of ``prepare_data.py`` that makes the data set.
        table (Path): As in :func:`expected_list`. Defaults to the package's own.

    Returns:
        str: The command that writes it; where no such list is recorded, the names of those that
        are.
    """
    if record_at(path, table):
        return 'write it with python tools/prepare_data.py splits'
    folder, _, rest = posixpath.normpath(path).partition('/')
    if folder == 'splits' and rest.partition('/')[0] in known_benchmarks(table):
        return f'write it with python tools/prepare_data.py {command or "splits"}'
    if folder != 'splits' or (command, 'val', None) not in read_table(table):
        return f'write it{f" with python tools/prepare_data.py {command}" if command else ""}'
    name = rest.partition('/')[0]
    known = known_benchmarks(table)
    alike = [item for item in known if item.partition('_')[0] == name.partition('_')[0]]
    return (
        f'{name!r} is no recorded benchmark; known are {", ".join(alike or known)}; or write it '
        'yourself'
    )


def verify_list(
    path, benchmark: str, which: str, label_seed: int | None = None, table: Path = TABLE
) -> None:
    """Compare a list file with its record; line endings do not matter.

    Args:
        path (str or Path): The file.
        benchmark (str): As in :func:`expected_list`.
        which (str): As in :func:`expected_list`.
        label_seed (int, optional): As in :func:`expected_list`. Defaults to None.
        table (Path): As in :func:`expected_list`. Defaults to the package's own.

    Raises:
        UserError: If there is no record, the file is missing, or it is another list.
    """
    entries, sha256 = expected_list(benchmark, which, label_seed, table)
    ids = read_split_list(
        str(path), where_from(list_path(benchmark, which, label_seed), None, table)
    )
    found = list_sha256(ids)
    if found == sha256:
        return
    raise UserError(
        f'{path}: not the {which} list of {benchmark} ({len(ids)} ids, sha256 {found[:12]}; '
        f'expected {entries}, {sha256[:12]}){whose(found, table)}; see {REPAIR}'
    )


def whose(sha256: str, table: Path = TABLE) -> str:
    """The end of a message that tells which list a hash belongs to, if it is a known one."""
    for record in read_table(table).values():
        if sha256 in (record.sha256, *record.origin_sha256):
            return f', but that of {record.path}'
    return ''
