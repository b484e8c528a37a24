from pathlib import Path

from mmengine.runner.checkpoint import CheckpointLoader

from mmseg_plugins.datasets.split_list import resolve_data_root
from mmseg_plugins.errors import UserError

from .load import load_file, state_dict_of

SCHEME, FOLDER = 'weights://', 'weights'
# MMEngine only warns of what does not fit a backbone and goes on with a random start: so at least
# the first tensor of the known files, by which the networks differ, must be there
FIRST = {'resnet101_deepstem.pth': 'stem.0.weight', 'resnet101-5d3b4d8f.pth': 'conv1.weight'}


@CheckpointLoader.register_scheme(prefixes=SCHEME, force=True)
def load_from_weights(filename: str, map_location: str | None = None) -> dict:
    """Load ``weights://NAME`` from ``<data root>/weights/NAME``.

    So ``init_cfg=dict(type='Pretrained', checkpoint='weights://resnet101_deepstem.pth')`` works
    from every working directory, as the data sets do.

    Args:
        filename (str): With the prefix.
        map_location (str, optional): As in ``torch.load``. Defaults to None, the CPU.

    Returns:
        dict: The checkpoint, read by :func:`load_file`.

    Raises:
        UserError: If the file is missing, broken, holds pickled code or, under one of the names of
            ``prepare_data.py weights``, another network or other names.
    """
    name, fix = filename.removeprefix(SCHEME), 'run: python tools/prepare_data.py weights'
    try:
        path = Path(resolve_data_root('data', FOLDER), FOLDER, name)
    except UserError as error:
        where = str(error).partition('; ')[0].replace('data folder', 'weights folder')
        raise UserError(f'{where}, needed for {filename}; {fix}') from None
    if not path.is_file():
        raise UserError(f'weights not found: {path}, needed for {filename}; {fix}')
    checkpoint = load_file(path, map_location)
    first = FIRST.get(name)
    if first and first not in state_dict_of(checkpoint, path):
        raise UserError(
            f'{path} is another network, or has not been converted: it has no {first}; {fix}'
        )
    return checkpoint
