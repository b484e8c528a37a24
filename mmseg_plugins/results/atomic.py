"""Files that are either the old version or the new one, never half of each."""

import itertools
import os
from pathlib import Path

from mmseg_plugins.errors import UserError

_count = itertools.count()


def write_atomic(path: str | Path, content: str | bytes, durable: bool = True) -> None:
    """Write a file under a temporary name, flush it to disk, then move it over the old one.

    The temporary name is unique per call, so that a signal handler may write the same file while a
    write is going on.

    Args:
        path (str | Path): The file; its folder is made when it is missing.
        content (str | bytes): The whole content; text is written as UTF-8 as it stands.
        durable (bool): Wait until the disk has it, so that it survives a power failure; a few
            milliseconds. Not needed for one of many files that can be made again. Defaults to True.

    Raises:
        OSError: If the file cannot be written. The old file is then untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.{next(_count)}.tmp')
    try:
        with open(temporary, 'wb') as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_output(path: str | Path, content: str | bytes, durable: bool = True) -> None:
    """Write a tool's output; a file that already has this content is left alone.

    Args:
        path (str | Path): The file; its folder is made when it is missing.
        content (str | bytes): The whole content; text is written as UTF-8 as it stands.
        durable (bool): As for :func:`write_atomic`. Defaults to True.

    Raises:
        UserError: If the file cannot be written. The old file is then untouched.
    """
    content = content.encode() if isinstance(content, str) else content
    try:
        if not Path(path).is_file() or Path(path).read_bytes() != content:
            write_atomic(path, content, durable)
    except OSError as error:
        raise UserError(
            f'cannot write {path}: {error.strerror or error}; name a place that can be written'
        ) from error
