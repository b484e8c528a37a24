"""Files that are either the old version or the new one, never half of each."""

import itertools
import os
from pathlib import Path

_count = itertools.count()


def write_atomic(path: str | Path, content: str | bytes) -> None:
    """Write a file under a temporary name, flush it to disk, then move it over the old one.

    The temporary name is unique per call, so that a signal handler may write the same file while a
    write is going on.

    Args:
        path (str | Path): The file; its folder is made when it is missing.
        content (str | bytes): The whole content; text is written as UTF-8 as it stands.

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
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
