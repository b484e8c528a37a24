"""MMEngine's checkpoint loaders, without their fallback to executing what a file holds."""

import os
from pathlib import Path
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier, is_main_process
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.literals import read_literals

from .load import load_file


@CheckpointLoader.register_scheme(prefixes='', force=True)
def load_from_local(filename: str, map_location: str | None = None) -> dict:
    """Load a local file strictly, wherever MMEngine loads one: ``load_from``, ``--resume``, tests.

    MMEngine tries ``weights_only=True`` and then unpickles everything; and it runs the config that
    a checkpoint brings along under ``meta.config`` when it resumes. Neither happens here.

    Args:
        filename (str): The file.
        map_location (str, optional): As in ``torch.load``. Defaults to None, the CPU.

    Returns:
        dict: The checkpoint, read by :func:`load_file`.

    Raises:
        UserError: If the file is missing, cut short or holds code.
    """
    path = Path(os.path.expanduser(filename))
    checkpoint = load_file(path, map_location)
    meta = checkpoint.get('meta')
    if isinstance(meta, dict) and 'config' in meta:
        try:
            read_literals(meta['config'])
        except (ValueError, TypeError):
            raise UserError(
                f'{path} brings a config that is more than plain values, and resuming would run '
                'it; use a checkpoint that MMEngine wrote'
            ) from None
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
    path = Path(torch.hub.get_dir(), 'checkpoints', Path(urlparse(filename).path).name)
    if is_main_process() and not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(filename, str(path))
        except (OSError, ValueError) as error:
            raise UserError(
                f'cannot download {filename}: {error}; download it elsewhere and name the file'
            ) from error
    barrier()
    return load_from_local(str(path), map_location)


# torchvision:// and open-mmlab:// look a URL up and call this function by its name.
mmengine_checkpoint.load_from_http = load_from_http


@CheckpointLoader.register_scheme(
    prefixes=('pavi://', r'(\S+\:)?s3://', r'(\S+\:)?petrel://'), force=True
)
def load_from_store(filename: str, map_location: str | None = None, **kwargs) -> dict:
    """Refuse an object store: MMEngine would unpickle its bytes.

    Raises:
        UserError: Always.
    """
    raise UserError(f'{filename} would be loaded as code; copy the file here and name the copy')
