"""Read checkpoint files without running what may be hidden in them."""

import re
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from torch import Tensor

from mmseg_plugins.errors import UserError


class _Inert:
    """Stands for what a training checkpoint holds beside tensors and nobody here reads."""

    def __init__(self, *args) -> None:
        pass


class _Buffer(HistoryBuffer):
    """A log buffer while it is read: it takes its numbers from the file and no methods."""

    def __setstate__(self, state: dict) -> None:
        self.__class__ = HistoryBuffer  # as it was saved, and will be again
        self.__init__(state['_log_history'], state['_count_history'], state['max_length'])


# MMEngine saves its log buffers (numpy arrays, and methods, which become inert) and the reference
# its best score (a numpy scalar) with the weights. numpy's own types can only hold numbers.
_multiarray = np._core.multiarray
_HARMLESS = [
    (_Buffer, 'mmengine.logging.history_buffer.HistoryBuffer'),
    (_Inert, 'builtins.getattr'),
    *(
        (function, f'numpy.{core}.multiarray.{function.__name__}')
        for core in ('core', '_core')  # before and since numpy 2
        for function in (_multiarray._reconstruct, _multiarray.scalar)
    ),
    np.ndarray,
    np.dtype,
    *(type(np.dtype(code)) for code in '?bBhHiIlLqQefd'),
]
_WRAPPERS = ('state_dict', 'model')


def load_file(path: str | Path, map_location: str = 'cpu') -> dict:
    """Read a checkpoint with ``weights_only=True``: tensors, plain values, nothing that runs.

    Args:
        path (str | Path): A file that ``torch.save`` wrote.
        map_location (str): Where the tensors go. Defaults to ``'cpu'``.

    Returns:
        dict: What the file holds.

    Raises:
        UserError: If there is no such file, it is truncated or something else, or it holds pickled
            code.
    """
    path = Path(path)
    if not path.is_file():
        what = 'is a folder' if path.is_dir() else 'not found'
        raise UserError(f'checkpoint {what}: {path}; name a .pth file')
    try:
        with torch.serialization.safe_globals(_HARMLESS):
            checkpoint = torch.load(path, map_location=map_location or 'cpu', weights_only=True)
    except PermissionError as error:
        raise UserError(f'cannot read {path}: {error.strerror}') from error
    except UnpicklingError as error:
        code = re.search(r'(?:GLOBAL|unrecognized function) (\S+)', str(error))
        if code:
            raise UserError(
                f'{path} holds pickled code or objects ({code[1]}), which are not loaded; save its '
                'state dict alone or use another file'
            ) from None
        raise UserError(_broken(path)) from None
    except Exception as error:  # torch.load raises almost anything on bytes that are not its own
        raise UserError(_broken(path)) from error
    if not isinstance(checkpoint, dict) or not checkpoint:
        raise UserError(
            f'{path} is not a checkpoint: it holds a {type(checkpoint).__name__}; name a file with '
            'a state dict'
        )
    return checkpoint


def _broken(path: Path) -> str:
    return (
        f'{path} ({path.stat().st_size} bytes) is truncated or no PyTorch checkpoint; copy or '
        'download it again'
    )


def state_dict_of(checkpoint: dict, path: str | Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint, bare or below ``state_dict`` or ``model``.

    Args:
        checkpoint (dict): What :func:`load_file` returned.
        path (str | Path): The file, for the message.

    Returns:
        dict[str, Tensor]: Name to tensor; a ``module.`` before every name is taken away.

    Raises:
        UserError: If there are none.
    """
    inner = next((checkpoint[key] for key in _WRAPPERS if key in checkpoint), checkpoint)
    tensors = isinstance(inner, dict) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in inner.items()
    )
    if not tensors or not inner:
        raise UserError(
            f'{path} has no state dict: its keys are {shorten(checkpoint)}; name a file with '
            'tensors below state_dict, below model or at the top'
        )
    if all(name.startswith('module.') for name in inner):
        return {name.removeprefix('module.'): value for name, value in inner.items()}
    return dict(inner)


def shorten(names, most: int = 3) -> str:
    """The first names of many, and how many more there are."""
    names = [str(name) for name in names]
    more = f' and {len(names) - most} more' if len(names) > most else ''
    return ', '.join(names[:most]) + more
