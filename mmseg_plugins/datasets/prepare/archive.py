"""Sources of a data set: folders, or tar and zip archives that are unpacked below the data root."""

import json
import lzma
import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from mmseg_plugins.datasets.prepare import fetch, store
from mmseg_plugins.errors import UserError
from mmseg_plugins.results.atomic import write_atomic

FOLDER = 'archives'  # below the data root; downloads lie there too
MARK = '.unpacked.json'
BLOCK = 4096  # bytes in which disks allot room; most files of a data set are small


# What a damaged archive raises, or one that is encrypted or packed in an unknown way.
DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    RuntimeError,
)


def open_sources(sources, out: Path, checksums: dict) -> list[Path]:
    """Turn folders and archives into folders.

    Args:
        sources (list[str or Path]): Folders and archives.
        out (Path): Data root; an archive is unpacked into ``<out>/archives/<its name>``.
        checksums (dict[str, str]): Of well-known archives, by file name; as for
            :func:`fetch.download`.

    Returns:
        list[Path]: One folder per source.

    Raises:
        UserError: If a source is neither, is damaged, or has members that leave its folder.
    """
    if not sources:
        raise UserError('--source is missing: give the original folders or archives')
    folders = []
    for source in map(Path, sources):
        if source.is_dir():
            folders.append(source)
        elif source.is_file():
            folders.append(unpack(source, out / FOLDER, checksums.get(source.name, '')))
        else:
            raise UserError(f'--source {source}: no such file or folder')
    return folders


def find(roots: list, places: tuple, parts: tuple) -> Path | None:
    """The first folder that has certain parts.

    Args:
        roots (list[Path]): Where to look.
        places (tuple[str]): Paths below a root, the likely ones first.
        parts (tuple[str]): What must lie in the folder.

    Returns:
        Path | None: The folder.
    """
    for root in roots:
        for place in places:
            if all((root / place / part).exists() for part in parts):
                return root / place
    return None


def unpack(archive: Path, folder: Path, checksum: str = '') -> Path:
    """Unpack an archive once; an interrupted call is continued.

    Args:
        archive (Path): A tar (also compressed) or zip file.
        folder (Path): Where the folder with its contents is made.
        checksum (str): As for :func:`fetch.download`. Defaults to ''.

    Returns:
        Path: ``<folder>/<name of the archive without suffixes>``.

    Raises:
        UserError: If it is damaged, leaves its folder, or does not fit on the disk.
    """
    name = archive.name
    for suffix in ('.zip', '.gz', '.tgz', '.bz2', '.xz', '.tar'):
        name = name.removesuffix(suffix)
    target, partial = folder / name, folder / f'{name}.part'
    about = archive.stat()
    mark = json.dumps(dict(archive=archive.name, bytes=about.st_size, mtime_ns=about.st_mtime_ns))
    if _mark(target) == mark:
        return target
    fetch.check_hash(archive, checksum)
    try:
        if _mark(partial) != mark:
            shutil.rmtree(partial, ignore_errors=True)
            write_atomic(partial / MARK, mark)
        if zipfile.is_zipfile(archive):
            _unpack_zip(archive, partial)
        else:
            _unpack_tar(archive, partial)
        if target.exists():  # of another archive of this name
            shutil.rmtree(target)
        partial.rename(target)
    except UserError:
        raise  # a RuntimeError, too
    except DAMAGED as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f'{archive}: cannot be unpacked ({reason}); get it again') from None
    except OSError as error:
        raise UserError(
            f'{archive}: cannot be unpacked to {partial} ({error.strerror or error}); get it '
            'again, make room, or choose another --out'
        ) from None
    return target


def _mark(folder: Path) -> str:
    """What says which archive a folder is of; '' if there is none."""
    path = folder / MARK
    return path.read_text() if path.is_file() else ''


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        members = [m for m in file.infolist() if not m.is_dir() and not _junk(m.filename)]
        for member in members:
            _check_name(archive, member.filename)
        _unpack(archive, folder, [(m, m.filename, m.file_size) for m in members], file.extract)


def _unpack_tar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as file:
        members = []
        for member in file:
            if _junk(member.name):
                continue
            _check_name(archive, member.name)
            try:
                kept = tarfile.data_filter(member, str(folder))
            except tarfile.FilterError:
                _refuse(archive, member.name)
            if not member.isdir():
                members.append((kept, kept.name, member.size))

        def extract(member, path):
            file.extract(member, path, filter='data')

        _unpack(archive, folder, members, extract)


def _unpack(archive: Path, folder: Path, members: list, extract) -> None:
    """Extract the members that an interrupted call has not; (member, path, bytes) each."""
    left = [
        (member, size)
        for member, path, size in members
        if not ((folder / path).is_file() and (folder / path).stat().st_size == size)
    ]
    needed = sum(-(-size // BLOCK) * BLOCK for _, size in left)
    fetch.check_room(folder, needed, f'unpacking {archive.name}')
    for member, _ in store.track(left, f'unpacking {archive.name}'):
        extract(member, folder)


def _junk(name: str) -> bool:
    """What macOS adds to archives."""
    return name.startswith('__MACOSX/') or PurePosixPath(name).name.startswith('._')


def _check_name(archive: Path, member: str) -> None:
    """Raise if the name of a member leaves the folder; links are tarfile's to judge."""
    path = PurePosixPath(member.replace('\\', '/'))
    if path.is_absolute() or '..' in path.parts or ':' in str(path).partition('/')[0]:
        _refuse(archive, member)


def _refuse(archive: Path, member: str) -> None:
    raise UserError(
        f'{archive}: its member {member!r} leaves the target folder; do not trust this archive'
    )
