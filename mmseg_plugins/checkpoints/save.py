"""Write checkpoint files whole or not at all."""

import io
import os
from pathlib import Path

import torch

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.atomic import write_atomic


def check_output(path: str | Path, source: str | Path, force: bool = False) -> None:
    """Refuse an output that cannot or should not be written, before any work.

    Args:
        path (str | Path): The output.
        source (str | Path): The input, which is never replaced.
        force (bool): Replace a file that is there. Defaults to False.

    Raises:
        UserError: If its folder is missing or cannot be written, or something is there.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise UserError(f'cannot write {path}: there is no folder {path.parent}; make it first')
    if path.is_dir():
        raise UserError(f'cannot write {path}: it is a folder; name a file')
    if path.exists() and Path(source).exists() and path.samefile(source):
        raise UserError(f'cannot write {path}: it is the input; name another file')
    if path.exists() and not force:
        raise UserError(f'{path} is there already; name another file or give --force')
    if not os.access(path.parent, os.W_OK):
        raise UserError(f'cannot write {path}: the folder {path.parent} is read-only')


def save_files(contents: dict[Path, dict | str]) -> None:
    """Write checkpoints and texts; what was written is taken back where a later one fails.

    Args:
        contents (dict[Path, dict | str]): File to what ``torch.save`` takes, or to text.

    Raises:
        UserError: If one cannot be written.
    """
    written = []
    for path, content in contents.items():
        try:
            if not isinstance(content, str):
                buffer = io.BytesIO()
                torch.save(content, buffer)
                content = buffer.getbuffer()
            write_atomic(path, content)
        except OSError as error:
            for done in written:
                done.unlink()
            raise UserError(
                f'cannot write {path}: {error.strerror or error}; name a place that can be written'
            ) from error
        written.append(Path(path))
