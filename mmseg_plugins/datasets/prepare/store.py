"""Prepared data sets on disk: built aside, moved into place at once, checked by a manifest.

A data set ``name`` below ``out`` is the folder ``<out>/<name>`` and the lists in
``<out>/splits/<name>_*``. ``<out>/<name>/manifest.json`` states how it was made and the SHA-256 of
every file of both; of large data sets the size in bytes.
"""

import hashlib
import json
import os
import posixpath
import tempfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from rich import progress
from rich.console import Console

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.atomic import write_atomic


def track(items: list, title: str):
    """Iterate with a progress bar on stderr."""
    return progress.track(items, description=title, console=Console(stderr=True))


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes; follows links."""
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def digest(lines: list) -> str:
    """SHA-256 of lines of text."""
    return hashlib.sha256('\n'.join(lines).encode()).hexdigest()


def is_ready(out: Path, name: str, facts: dict, force: bool = False) -> bool:
    """Whether this very data set is there, complete and unchanged.

    Args:
        out (Path): Data root.
        name (str): Data set.
        facts (dict): What determines its contents: version, seed, counts, ...
        force (bool): Whether whatever is there may be replaced. Defaults to False.

    Returns:
        bool: True if nothing is left to do, False if it is to be built.

    Raises:
        UserError: If something else is there, or a damaged copy, and ``force`` is not set.
    """
    if force or not os.path.lexists(out / name):
        return False
    held = read_manifest(out, name, '; pass --force to replace it, or choose another --out')[
        'facts'
    ]
    for key, wanted in facts.items():
        if held.get(key) != wanted:
            raise UserError(
                f'{out / name}: made with {key} {_shown(held.get(key))}, asked for '
                f'{_shown(wanted)}; pass --force to replace it, or choose another --out'
            )
    verify(out, name)
    return True


def read_manifest(out: Path, name: str, fix: str = '') -> dict:
    """Read ``<out>/<name>/manifest.json``.

    Args:
        out (Path): Data root.
        name (str): Data set.
        fix (str): End of the error message. Defaults to ''.

    Returns:
        dict: 'facts', and 'files' from paths below ``out`` to SHA-256, or size in bytes.

    Raises:
        UserError: If there is none or it cannot be read.
    """
    path = out / name / 'manifest.json'
    try:
        manifest = json.loads(path.read_text())
        return dict(facts=dict(manifest['facts']), files=dict(manifest['files']))
    except FileNotFoundError:
        raise UserError(
            f'{out / name}: no data set of prepare_data.py here (no manifest.json){fix}'
        ) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f'{path}: not a readable manifest{fix}') from None


def verify_list(out: Path, name: str, path: str) -> None:
    """Compare one list with the manifest; a list or a data set without record passes.

    Args:
        out (Path): Data root.
        name (str): Data set.
        path (str): The list, relative to ``out``.

    Raises:
        UserError: If it has changed since it was written.
    """
    if not (out / name / 'manifest.json').is_file():
        return
    recorded = read_manifest(out, name)['files'].get(posixpath.normpath(path))
    if isinstance(recorded, str) and sha256(out / path) != recorded:
        raise UserError(
            f'{out / path}: not the list that was written with this data set; see python '
            f'tools/prepare_data.py {name} --check, or set verify=False for a list of your own'
        )


def verify(out: Path, name: str) -> int:
    """Compare every file with the manifest.

    Args:
        out (Path): Data root.
        name (str): Data set.

    Returns:
        int: How many files were compared.

    Raises:
        UserError: Naming the first file that is missing or changed, and how many more are.
    """
    files = read_manifest(out, name, _prepare_it(name))['files']
    bad = []
    for path, recorded in files.items():
        if not (out / path).is_file():
            bad.append((path, 'a broken link' if (out / path).is_symlink() else 'missing'))
        elif isinstance(recorded, int):
            if (out / path).stat().st_size != recorded:
                bad.append((path, 'changed'))
        elif sha256(out / path) != recorded:
            bad.append((path, 'changed'))
    if bad:
        path, what = bad[0]
        more = f' (and {len(bad) - 1} more files)' if len(bad) > 1 else ''
        raise UserError(f'{out / path}: {what}{more}; prepare again with --force')
    return len(files)


@contextmanager
def staging(out: Path, name: str):
    """A temporary folder beside the final one; it vanishes whatever happens.

    Args:
        out (Path): Data root; made if it does not exist.
        name (str): Data set.

    Yields:
        Path: The folder, to be filled with ``<name>`` and ``splits``.

    Raises:
        UserError: If something cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f'.{name}-', dir=out) as folder:
            yield Path(folder)
    except OSError as error:
        where = f': {error.filename}' if error.filename else ''
        raise UserError(
            f'{out}: cannot write the data set ({error.strerror}{where}); '
            'make room or choose another --out'
        ) from None


def publish(stage: Path, out: Path, name: str, facts: dict, force: bool = False) -> None:
    """Write the manifest and move a finished data set into place, lists first.

    Args:
        stage (Path): The folder of :func:`staging`.
        out (Path): Data root.
        name (str): Data set.
        facts (dict): As for :func:`is_ready`.
        force (bool): Whether to replace what is there. Defaults to False.

    Raises:
        UserError: If lists that differ are there and ``force`` is not set.
    """
    files = sorted(path for path in stage.rglob('*') if not path.is_dir())
    digests = {path.relative_to(stage).as_posix(): sha256(path) for path in files}
    for path, digest in digests.items():
        if not force and (out / path).is_file() and sha256(out / path) != digest:
            raise UserError(f'{out / path}: another list is here; pass --force to replace it')
    write_manifest(stage, name, facts, digests)

    (out / 'splits').mkdir(exist_ok=True)
    (stage / 'old').mkdir()
    # The folder with the manifest comes last: where it is, everything is.
    for part in [*sorted((stage / 'splits').iterdir()), stage / name]:
        target = out / part.relative_to(stage)
        if os.path.lexists(target):
            os.rename(target, stage / 'old' / part.name)
        os.rename(part, target)


def write_manifest(out: Path, name: str, facts: dict, files: dict) -> None:
    """Write ``<out>/<name>/manifest.json``; arguments as :func:`read_manifest` returns them."""
    manifest = json.dumps(dict(facts=facts, files=files), indent=1)
    write_atomic(out / name / 'manifest.json', f'{manifest}\n')


def summary(out: Path, name: str) -> list:
    """What a prepared data set holds.

    Args:
        out (Path): Data root.
        name (str): Data set.

    Returns:
        list[tuple[str, int, str]]: Path, count, and what is counted ('files' or 'ids').
    """
    files = read_manifest(out, name, _prepare_it(name))['files']
    listed = [Path(path) for path in files if not path.endswith(('.txt', '.json'))]
    # Folders of a data set, not those of its cities.
    folders = Counter(Path(*path.parent.parts[:3]) for path in listed)
    rows = [(f'{out / folder}', count, 'files') for folder, count in folders.items()]
    for path in files:
        if path.endswith('.txt') and Path(path).name != 'README.txt':
            rows.append((f'{out / path}', len((out / path).read_text().split()), 'ids'))
    return rows


def check(out: Path, name: str) -> list:
    """Verify a prepared data set.

    Args:
        out (Path): Data root.
        name (str): Data set.

    Returns:
        list[tuple[str, int, str, str]]: The rows of :func:`summary`, each with the state 'ok'.

    Raises:
        UserError: As :func:`verify`.
    """
    verify(out, name)
    return [(*row, 'ok') for row in summary(out, name)]


def _prepare_it(name: str) -> str:
    """The end of a message about a data set that is not there; cityscapes_half has no command."""
    command = name.removesuffix('_half')
    return f'; prepare it first with python tools/prepare_data.py {command} (see --help)'


def _shown(value) -> str:
    """A fact in a message; long digests cut short."""
    text = value[:12] if isinstance(value, str) else str(value)
    return text.replace('\n', ' ')
