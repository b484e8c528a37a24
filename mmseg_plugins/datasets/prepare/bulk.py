"""Large data sets: linked or written in place file by file, so that a second run goes on."""

import io
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image

from mmseg_plugins.datasets.prepare import store
from mmseg_plugins.errors import UserError
from mmseg_plugins.results.atomic import write_atomic


def each(function, items: list, title: str, workers: int) -> list:
    """Call a function for every item, with a progress bar.

    Threads suffice: decoding and encoding images runs outside Python's lock.

    Args:
        function (Callable): Called with one item.
        items (list): The items.
        title (str): Of the progress bar.
        workers (int): Threads.

    Returns:
        list: The results, in the order of the items.

    Raises:
        UserError: The first one that a call raises, or for a number of workers below 1.
        OSError: The first one that a call raises.
    """
    if workers < 1:
        raise UserError(f'--workers {workers}: give 1 or more')
    pool = ThreadPoolExecutor(workers)
    try:
        calls = [pool.submit(function, item) for item in items]
        with closing(store.track(calls, title)) as tracked:
            return [call.result() for call in tracked]
    finally:
        pool.shutdown(cancel_futures=True)


def begin(out: Path, name: str, facts: dict, sources: list, force: bool = False) -> bool:
    """Whether something is to be made; what an interrupted run has made is kept.

    Args:
        out (Path): Data root.
        name (str): Data set.
        facts (dict): As for :func:`store.is_ready`.
        sources (list[str or Path]): What it is to be made from.
        force (bool): Whether to make everything anew. Defaults to False.

    Returns:
        bool: False if the data set is there, complete and unchanged.

    Raises:
        UserError: If another one is there and ``force`` is not set, or the target is a source.
    """
    if (out / name / 'manifest.json').is_file() and store.is_ready(out, name, facts, force):
        return False
    _guard(out / name, sources)
    return True


def make(out: Path, name: str, facts: dict, work, jobs: list, workers: int) -> None:
    """Make every file, then the manifest with their sizes; where it is, everything is.

    Args:
        out (Path): Data root.
        name (str): Data set.
        facts (dict): As for :func:`store.is_ready`.
        work (Callable): Makes the files of one job; returns their paths below ``out / name``.
        jobs (list): One per sample.
        workers (int): Threads.

    Raises:
        UserError: As :func:`each`, or if something cannot be written.
    """
    folder = out / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / 'manifest.json').unlink(missing_ok=True)
        made = each(work, jobs, f'checking and writing {len(jobs)} samples of {name}', workers)
        sizes = {f'{name}/{p}': (folder / p).stat().st_size for paths in made for p in paths}
        store.write_manifest(out, name, facts, sizes)
    except OSError as error:
        raise UserError(
            f'cannot write {error.filename2 or error.filename or folder} ({error.strerror}); make '
            'room or choose another --out'
        ) from None


def _guard(target: Path, sources: list) -> None:
    """Refuse to write into a source."""
    for folder in (target, *(target.iterdir() if target.is_dir() else ())):
        if folder.is_symlink() and folder.is_dir():
            raise UserError(
                f'{folder}: is a link to {os.readlink(folder)}, which nothing may be written to; '
                'remove the link or choose another --out'
            )
    for source in sources:
        if Path(source).resolve().is_relative_to(target.resolve()):
            raise UserError(
                f'--source {source}: is the data set to be written; give the original folder'
            )


def is_done(target: Path, file: Path | None = None, copy: bool = False) -> bool:
    """Whether an earlier run has made this file; all are moved into place only when complete.

    Args:
        target (Path): The file to be made.
        file (Path, optional): What it is to link to, or a copy of. Defaults to None, for a file
            that is computed.
        copy (bool): Whether it is to be a copy. Defaults to False.
    """
    if file is None or copy:
        return (
            target.is_file()
            and not target.is_symlink()
            and (file is None or target.stat().st_size == file.stat().st_size)
        )
    return target.is_symlink() and os.readlink(target) == str(file.resolve())


def place(file: Path, target: Path, copy: bool, force: bool = False) -> None:
    """Link to where a file really is, or copy it.

    Args:
        file (Path): The file.
        target (Path): The link or copy to make.
        copy (bool): Whether to copy.
        force (bool): Whether to replace something else. Defaults to False.

    Raises:
        UserError: If something else is there and ``force`` is not set.
    """
    if is_done(target, file, copy):
        return
    if os.path.lexists(target) and not force:
        raise UserError(f'{target}: another file is here; pass --force to replace it')
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f'.{target.name}.part')
    temporary.unlink(missing_ok=True)
    if copy:
        shutil.copyfile(file, temporary)
    else:
        os.symlink(file.resolve(), temporary)
    os.replace(temporary, target)


def write_png(target: Path, pixels: np.ndarray) -> None:
    """Write an image, complete or not at all."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, 'PNG')
    write_atomic(target, buffer.getvalue())


def add_arguments(parser, source: str) -> None:
    """Options of every large data set."""
    parser.add_argument('--source', nargs='+', default=(), metavar='PATH', help=source)
    parser.add_argument(
        '--copy', action='store_true', help='copy the files instead of linking them'
    )
    parser.add_argument('--workers', type=int, default=4, help='threads (4)')
