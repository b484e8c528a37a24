import os.path as osp
import posixpath

from mmseg_plugins.errors import UserError


def read_split_list(path: str, fix: str = 'write it, one id a line') -> list[str]:
    """Read a split list.

    Args:
        path (str): Text file with one id per line; blank lines are passed over.
        fix (str): What to do about a list that is not there, for the message. Defaults to
            ``'write it, one id a line'``.

    Returns:
        list[str]: The ids in the file's order.

    Raises:
        UserError: If the file is missing, empty, or repeats an id.
    """
    if not osp.isfile(path):
        raise UserError(f'split list not found: {path}; {fix}')
    try:
        with open(path, encoding='utf-8') as file:
            ids = [posixpath.normpath(line.strip()) for line in file if line.strip()]
    except UnicodeDecodeError as error:
        raise UserError(
            f'split list {path} is not a UTF-8 text file ({error.reason}); {fix}'
        ) from None
    if not ids:
        raise UserError(f'split list is empty: {path}; {fix}')
    if len(set(ids)) < len(ids):
        repeated = next(name for name in ids if ids.count(name) > 1)
        raise UserError(f'split list {path} repeats {repeated!r}; remove one, or {fix}')
    return ids
