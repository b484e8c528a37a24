"""The config of a run, out of its checkpoint, without executing it."""

import re
from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.literals import read_literals


def run_config(checkpoint: dict, path: str | Path, config: str | Path | None = None) -> Config:
    """The config that a checkpoint's run had.

    MMEngine saves it with the weights as Python text. Here that text is read as literals, not
    executed; and since MMEngine imports whatever dotted name stands as a ``type``, only registered
    names of this project's and OpenMMLab's packages are taken from it.

    Args:
        checkpoint (dict): What :func:`load_file` returned.
        path (str | Path): The file, for messages.
        config (str | Path, optional): A config file to take instead; it is executed, as ``mim``
            does. Defaults to None.

    Returns:
        Config: The config.

    Raises:
        UserError: If there is none or it is more than data.
    """
    if config is not None:
        return _from_file(Path(config))
    fix = 'give the config file of the run with --config'
    meta = checkpoint.get('meta')
    text = meta.get('cfg') if isinstance(meta, dict) else None
    if not isinstance(text, str):
        raise UserError(f'{path} has no config of a run in it; {fix}')
    try:
        settings = read_literals(text)
    except ValueError:
        raise UserError(f'the config in {path} is more than plain values; {fix}') from None
    imports = (settings.get('custom_imports') or {}).get('imports', [])
    foreign = [name for name in imports if name != 'mmseg_plugins']
    foreign += [name for name in _types(settings) if not re.fullmatch(r'(mm\w+\.)?\w+', name)]
    if foreign:
        raise UserError(f'the config in {path} imports {foreign[0]!r}; where you trust it, {fix}')
    return Config(settings)


def _from_file(config: Path) -> Config:
    if not config.is_file():
        raise UserError(f'config not found: {config}; name the config file of the run')
    try:
        return Config.fromfile(config)
    except Exception as error:  # a config is Python: anything can go wrong in it
        reason = (str(error).strip().splitlines() or [''])[0]
        raise UserError(f'cannot read the config {config}: {reason}') from error


def _types(settings) -> Iterator[str]:
    """Every ``type`` at any depth."""
    if isinstance(settings, dict):
        for key, value in settings.items():
            if key == 'type':
                yield str(value)
            yield from _types(value)
    elif isinstance(settings, list | tuple):
        for value in settings:
            yield from _types(value)
