"""Reading a pickled permutation without executing anything that it could contain."""

import io
import pickle

import numpy as np
from numpy._core import multiarray

from mmseg_plugins.errors import UserError

# All that a numpy array needs; numpy 2 has moved `_reconstruct`, older pickles have the old place.
_ALLOWED = {
    ('numpy.core.multiarray', '_reconstruct'): multiarray._reconstruct,
    ('numpy._core.multiarray', '_reconstruct'): multiarray._reconstruct,
    ('numpy', 'ndarray'): np.ndarray,
    ('numpy', 'dtype'): np.dtype,
    # How protocols below 3 spell bytes.
    ('_codecs', 'encode'): lambda text, _: text.encode('latin1'),
}


class _ArrayUnpickler(pickle.Unpickler):
    """Finds nothing but what ``_ALLOWED`` names."""

    def find_class(self, module, name):
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f'it holds {module}.{name}')
        return _ALLOWED[module, name]


def parse_permutation(content: bytes, length: int, name: str) -> np.ndarray:
    """Read a permutation of ``0 .. length - 1`` from a pickle of one integer array.

    Args:
        content (bytes): The file's.
        length (int): How many indices there must be.
        name (str): The file's, for the messages.

    Returns:
        np.ndarray: int64 of shape (length,).

    Raises:
        UserError: If it is anything else.
    """
    fix = 'get the permutation file again'
    try:
        array = _ArrayUnpickler(io.BytesIO(content)).load()
    # A crafted pickle can fail in any way; nothing of it has run.
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f'{name}: not a pickled integer array ({reason}); {fix}') from None
    if type(array) is not np.ndarray or array.dtype.kind not in 'iu' or array.ndim != 1:
        what = type(array).__name__
        if isinstance(array, np.ndarray):
            what = f'{array.ndim}-dimensional array of {array.dtype}'
        raise UserError(f'{name}: not a pickled one-dimensional integer array but a {what}; {fix}')
    if len(array) != length:
        raise UserError(f'{name}: {len(array)} indices for a list of {length} ids; {fix}')
    outside = array[(array < 0) | (array >= length)]
    if len(outside):
        raise UserError(f'{name}: index {outside[0]} outside 0..{length - 1}; {fix}')
    if len(np.unique(array)) < length:
        values, counts = np.unique(array, return_counts=True)
        raise UserError(f'{name}: index {values[counts > 1][0]} is repeated; {fix}')
    return array.astype(np.int64)
