"""Every split list of the matrix, from its public origin at a pinned commit.

Each file is compared with the hash recorded in the repository, reduced to one id per line, compared
again and written to ``<out>/splits/<benchmark>/{labeled,unlabeled}.txt`` (with one folder per label
seed where the benchmark averages over several) or ``<out>/<data set>/val.txt``.
"""

import hashlib
import re
from pathlib import Path

import numpy as np

from mmseg_plugins.datasets.lidar.semantickitti_labels import TRAIN, VAL, scan_ids
from mmseg_plugins.datasets.prepare import fetch, lists, permutation, store
from mmseg_plugins.errors import UserError
from mmseg_plugins.results.atomic import write_atomic

NAME = 'splits'
HELP = 'fetch, verify and write every split list of the matrix'
EXAMPLE = 'python tools/prepare_data.py splits'
BENCHMARK = 'voc_classic_92'  # the one the closing hint trains on

SCAN = re.compile(r'/(\d\d)/velodyne/(\d{6})\.bin$')  # of SemanticKITTI
ORIGIN = 'https://raw.githubusercontent.com'


def prepare(out, mirror=ORIGIN, force: bool = False, table: Path = lists.TABLE) -> bool:
    """Write every list that is not there yet.

    Args:
        out (str or Path): Data root.
        mirror (str or Path): Folder or URL below which the origins' paths lie. Defaults to GitHub.
        force (bool): Whether to replace a list that differs. Defaults to False.
        table (Path): The lists' records. Defaults to the package's own.

    Returns:
        bool: False if every list was there already.

    Raises:
        UserError: If an origin is missing or not what was recorded, or another list is in the way.
    """
    out = Path(out)
    records = lists.read_table(table)
    states = {record: state(out, record) for record in records.values()}
    todo = [record for record, found in states.items() if found != 'ok']
    if not todo:
        return False
    changed = [record for record in todo if states[record] == 'changed']
    if changed and not force:
        raise UserError(
            f'{out / changed[0].path}: another list is here'
            f'{_more(changed)}; pass --force to replace it'
        )
    origins = Origins(mirror, records, table)
    for record in store.track(todo, f'writing {len(todo)} of {len(records)} lists'):
        ids = origins.ids(record)
        try:
            write_atomic(out / record.path, ''.join(f'{name}\n' for name in ids))
        except OSError as error:
            raise UserError(
                f'{out / record.path}: cannot write ({error.strerror}); choose another --out'
            ) from None
    return True


def state(out: Path, record: lists.ListRecord) -> str:
    """Whether a list file is ``ok``, ``missing`` or ``changed``."""
    path = out / record.path
    if not path.is_file():
        return 'missing'
    return 'ok' if store.sha256(path) == record.sha256 else 'changed'


def check(args) -> list:
    """Compare every list with its record: path, number of ids, 'ids', and the state."""
    records = lists.read_table().values()
    return [(str(args.out / r.path), r.entries, 'ids', state(args.out, r)) for r in records]


class Origins:
    """The public files, each read once and compared with its hash.

    Args:
        mirror (str or Path): Folder or URL.
        records (dict): As :func:`lists.read_table` returns them.
        table (Path): Where they are from.
    """

    def __init__(self, mirror, records: dict, table: Path = lists.TABLE) -> None:
        self.mirror = str(mirror).rstrip('/')
        self.records = records
        self.table = table
        self._files = {}

    def ids(self, record: lists.ListRecord) -> list[str]:
        """The ids of a list, compared with its record.

        Raises:
            UserError: If an origin cannot be read or is not what was recorded.
        """
        labelled = self.records.get((record.benchmark, 'labeled', record.label_seed))
        if record.which == 'val' and not record.origins:
            ids = scan_ids(VAL)
        elif record.which == 'unlabeled' and labelled and record.origins == labelled.origins:
            taken = set(self.ids(labelled))
            ids = [name for name in scan_ids(TRAIN) if name not in taken]
        elif record.origins and not record.origins[0].endswith('.pkl'):
            parts = [normalise(self.read(record, k).decode()) for k in range(len(record.origins))]
            ids = parts[0] if len(parts) == 1 else sorted({name for ids in parts for name in ids})
        else:
            everything = self.ids(self.records[record.benchmark, 'unlabeled', record.label_seed])
            if record.origins:
                content = self.read(record, 0)
                name = f'{self.mirror}/{record.origins[0]}'
                order = permutation.parse_permutation(content, len(everything), name)
            else:
                order = np.random.RandomState(record.label_seed).permutation(len(everything))
            ids = [everything[k] for k in order[: record.entries]]
        found = lists.list_sha256(ids)
        if (len(ids), found) != (record.entries, record.sha256):
            raise UserError(
                f'{record.path}: made {len(ids)} ids with sha256 {found[:12]}, expected '
                f'{record.entries} with {record.sha256[:12]}; correct the row in {self.table.name}'
            )
        return ids

    def read(self, record: lists.ListRecord, index: int) -> bytes:
        """The bytes of an origin, compared with their hash."""
        path, sha256 = record.origins[index], record.origin_sha256[index]
        if path not in self._files:
            name = f'{self.mirror}/{path}'
            content = fetch.read_bytes(name)
            if not any(hashlib.sha256(form).hexdigest() == sha256 for form in forms(content)):
                found = hashlib.sha256(content).hexdigest()
                entries = f', {len(content.split())} words' if path.endswith('.txt') else ''
                raise UserError(
                    f'{name}: not the file that was recorded for {record.benchmark} '
                    f'(sha256 {found[:12]}{entries}; expected {sha256[:12]})'
                    f'{lists.whose(found, self.table)}; get it again or choose another --mirror'
                )
            self._files[path] = content
        return self._files[path]


def forms(content: bytes) -> list[bytes]:
    """A text as it stands, and without other line endings, trailing spaces or a last newline."""
    lines = [line.rstrip() for line in content.splitlines()]
    text = b'\n'.join(line for line in lines if line)
    return [content, text, text + b'\n']


def normalise(text: str) -> list[str]:
    """Ids of a published list.

    Args:
        text (str): Lines such as ``JPEGImages/2007_000032.jpg SegmentationClass/2007_000032.png``:
            the image, and perhaps its mask; or of scans, such as
            ``/data_odometry_velodyne/dataset/sequences/train/01/velodyne/000876.bin``.

    Returns:
        list[str]: The images without their first folder and suffix, scans as ``01/000876``, in the
        list's order.
    """
    images = [line.split()[0] for line in text.splitlines() if line.strip()]
    scans = [SCAN.search(image) for image in images]
    if all(scans):
        return ['/'.join(scan.groups()) for scan in scans]
    return [
        re.sub(r'(_leftImg8bit)?\.(jpg|png)$', '', image.partition('/')[2] or image)
        for image in images
    ]


def _more(items: list) -> str:
    return f' (and {len(items) - 1} more)' if len(items) > 1 else ''


def add_arguments(parser) -> None:
    """Add this subcommand's own options; those of every subcommand are in the tool."""
    parser.add_argument(
        '--mirror',
        default=ORIGIN,
        metavar='DIR_OR_URL',
        help='read <owner>/<repository>/<commit>/<path> below this instead of GitHub',
    )


def run(args) -> bool:
    """Run the subcommand; returns as :func:`prepare`."""
    return prepare(args.out, args.mirror, args.force)
