"""MMEngine's checkpoint loaders, without their fallback to executing what a file holds."""

import os
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier, is_main_process
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader

from mmseg_plugins.errors import UserError

from .load import load_file


@CheckpointLoader.register_scheme(prefixes='', force=True)
def load_from_local(filename: str, map_location: str | None = None) -> dict:
    """Load a local file strictly, wherever MMEngine loads one: ``load_from``, ``--resume``, tests.

    MMEngine tries ``weights_only=True`` and then unpickles everything; and it runs a config that a
    checkpoint brings along under ``meta.config`` (older versions wrote it) when it resumes. Neither
    happens here: that config is left out.

    Args:
        filename (str): The file.
        map_location (str, optional): As in ``torch.load``. Defaults to None, the CPU.

    Returns:
        dict: The checkpoint, read by :func:`load_file`.

    Raises:
        UserError: If the file is missing, cut short or holds code.
    """
    checkpoint = load_file(os.path.expanduser(filename), map_location)
    if isinstance(checkpoint.get('meta'), dict):
        checkpoint['meta'].pop('config', None)
    return checkpoint


@CheckpointLoader.register_scheme(prefixes=('http://', 'https://'), force=True)
def load_from_http(filename: str, map_location: str | None = None, **kwargs) -> dict:
    """Download a file once, to torch's own cache, and load it strictly.

    Args:
        filename (str): The URL.
        map_location (str, optional): As in ``torch.load``. Defaults to None, the CPU.
        kwargs (Any): Options of MMEngine's loader, which OpenMMLab's other schemes give; unused.

    Returns:
        dict: The checkpoint, read by :func:`load_file`.

    Raises:
        UserError: If it cannot be downloaded, or as for :func:`load_from_local`.
    """
    name = Path(urlparse(filename).path).name
    if name in ('', '..'):
        raise UserError(f'{filename} names no file; give the URL of a .pth file')
    path = Path(torch.hub.get_dir(), 'checkpoints', name)
    if not is_main_process():
        barrier()  # others find the file, unless they lie on another machine
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(filename, str(path), progress=False)
        except (OSError, ValueError, HTTPException) as error:
            raise UserError(
                f'cannot download {filename}: {error}; download it elsewhere and name the file'
            ) from error
    if is_main_process():
        barrier()
    return load_from_local(str(path), map_location)


@CheckpointLoader.register_scheme(
    prefixes=('pavi://', r'(\S+\:)?s3://', r'(\S+\:)?petrel://'), force=True
)
def load_from_store(filename: str, map_location: str | None = None, **kwargs) -> dict:
    """Refuse an object store: MMEngine would unpickle its bytes.

    Raises:
        UserError: Always.
    """
    raise UserError(f'{filename} would be loaded as code; copy the file here and name the copy')


def _load_strictly(file, map_location=None, weights_only=None) -> dict:
    return load_from_local(str(file), map_location)


# torchvision://, open-mmlab:// and mmcls:// look a URL or a file up and call these by their names.
mmengine_checkpoint.load_from_http = load_from_http
mmengine_checkpoint._safe_torch_load = _load_strictly
