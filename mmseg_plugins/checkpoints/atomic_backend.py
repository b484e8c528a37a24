from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from mmseg_plugins.results.atomic import write_atomic


@register_backend('atomic', force=True)
class AtomicBackend(LocalBackend):
    """MMEngine's files on a disk, each written whole or not at all."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes.

        Args:
            obj (bytes): The content.
            filepath (str | Path): The file.

        Raises:
            OSError: If the file cannot be written. The old file is then untouched.
        """
        write_atomic(filepath, obj)
