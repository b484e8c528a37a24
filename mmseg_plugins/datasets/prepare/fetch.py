"""Downloads that resume, are verified, and appear under their name only when complete."""

import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.request
import zipfile
import zlib
from pathlib import Path

from rich import progress
from rich.console import Console

from mmseg_plugins.errors import UserError

TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 20


def download(url: str, target, checksum: str = '') -> Path:
    """Fetch a file; what an interrupted call has left in ``<target>.part`` is continued.

    Args:
        url (str): Address, http or https.
        target (str or Path): The file to write; one that exists is only verified.
        checksum (str): ``'sha256:<hex>'`` or ``'md5:<hex>'``, the digest or its beginning.
            Defaults to '', not known; a zip is then compared with the checksums in it.

    Returns:
        Path: The file.

    Raises:
        UserError: If the server cannot be reached or breaks off (what came is kept), the disk is
            full, or the file does not have the checksum (it is discarded; one that was there
            under the name stays).
    """
    target = Path(target)
    if target.is_file():
        check_hash(target, checksum)
        return target
    part = target.with_name(f'{target.name}.part')
    held = part.stat().st_size if part.is_file() else 0
    with _open(url, held, 'get the file elsewhere and name it instead') as (response, begin):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f'{target}: cannot write ({error.strerror})') from None
        length = response.headers.get('Content-Length')
        total = None if length is None else begin + int(length)
        if length is not None:
            check_room(target.parent, int(length), url)
        _receive(response, part, begin, total, url)
    if total is not None and part.stat().st_size < total:
        raise UserError(
            f'{url}: broke off at {part.stat().st_size} of {total} bytes; run again to continue'
        )
    try:
        check_hash(part, checksum, f'{url}: the download')
        if not checksum and target.suffix == '.zip':
            _check_zip(part, url)
    except UserError:
        part.unlink()
        raise
    os.replace(part, target)
    return target


class _open:
    """Ask for a file from byte ``held`` on; yields the response and where it begins."""

    def __init__(self, url: str, held: int, fix: str) -> None:
        self.url, self.held, self.fix = url, held, fix

    def __enter__(self):
        try:
            self.response, begin = self._ask(self.held)
        except urllib.error.HTTPError as error:
            # 416: there is nothing after what we hold; it may be of another file
            if not (error.code == 416 and self.held):
                raise UserError(_unreachable(self.url, error, self.fix)) from None
            try:
                self.response, begin = self._ask(0)
            except (OSError, http.client.HTTPException) as again:
                raise UserError(_unreachable(self.url, again, self.fix)) from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise UserError(_unreachable(self.url, error, self.fix)) from None
        return self.response, begin

    def _ask(self, held: int) -> tuple:
        headers = {'Range': f'bytes={held}-'} if held else {}
        request = urllib.request.Request(self.url, headers=headers)
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
        return response, held if response.status == 206 else 0

    def __exit__(self, *_) -> None:
        self.response.close()


def _receive(response, part: Path, begin: int, total: int | None, url: str) -> None:
    """Append the response to the partial file, from byte ``begin`` on."""
    columns = (*progress.Progress.get_default_columns(), progress.DownloadColumn())
    with progress.Progress(*columns, console=Console(stderr=True)) as bar, open(part, 'ab') as file:
        file.truncate(begin)
        task = bar.add_task(part.name.removesuffix('.part'), total=total, completed=begin)
        while True:
            try:
                chunk = response.read(CHUNK)
            except (OSError, http.client.HTTPException) as error:
                raise UserError(f'{url}: broke off ({error}); run again to continue') from None
            if not chunk:
                return
            try:
                file.write(chunk)
            except OSError as error:
                raise UserError(f'{part}: cannot write ({error.strerror}); make room') from None
            bar.advance(task, len(chunk))


def read_bytes(place: str) -> bytes:
    """Read a small file by path or by URL.

    Raises:
        UserError: If it cannot be read.
    """
    if not place.startswith(('http://', 'https://')):
        try:
            return Path(place).read_bytes()
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            raise UserError(f'{place}: {reason}; complete the mirror or choose another') from None
    with _open(place, 0, 'get the files elsewhere and give --mirror') as (response, _):
        try:
            return response.read()
        except (OSError, http.client.HTTPException) as error:
            raise UserError(f'{place}: broke off ({error}); run again') from None


def check_hash(path: Path, checksum: str, what: str = '') -> None:
    """Compare a file with a checksum, or with the beginning of one.

    Args:
        path (Path): The file.
        checksum (str): As for :func:`download`; '' passes.
        what (str): Begin of the message. Defaults to the path.

    Raises:
        UserError: If they differ.
    """
    if not checksum:
        return
    algorithm, _, expected = checksum.partition(':')
    with open(path, 'rb') as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    if not found.startswith(expected):
        raise UserError(
            f'{what or path} has the {algorithm} {found[: max(12, len(expected))]}, expected '
            f'{expected}; it is damaged or another file: get it again'
        )


def _check_zip(path: Path, url: str) -> None:
    """Read a zip whole, comparing every member with its checksum."""
    try:
        with zipfile.ZipFile(path) as file:
            bad = file.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        bad = str(error).splitlines()[0]
    if bad:
        raise UserError(f'{url}: the download is damaged ({bad}); run again to get it again')


def check_room(folder: Path, needed: int, what) -> None:
    """Raise if a folder's disk has less than ``needed`` bytes left.

    Raises:
        UserError: If so.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f'{folder}: {free / 1e9:.2f} GB free, {what} needs {needed / 1e9:.2f} GB; '
            'make room or choose another --out'
        )


def _unreachable(url: str, error: Exception, fix: str) -> str:
    reason = str(getattr(error, 'reason', '') or error).splitlines()[0]
    if isinstance(error, urllib.error.HTTPError):
        reason = f'{error.code} {error.reason}'
    return f'{url}: cannot be fetched ({reason}); {fix}'
