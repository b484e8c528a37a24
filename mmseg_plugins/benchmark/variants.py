"""The variants of a step that can be compared, by name."""

import copy
from pathlib import Path

import torch
from mmengine.config import Config

from mmseg_plugins.errors import UserError

from .trial import Trial

CHANGES = ('plain', 'channels-last', 'bf16')


def read_leaf(path: str | Path, overrides: dict | None = None) -> Config:
    """Read a leaf.

    Args:
        path (str | Path): The file.
        overrides (dict, optional): Keys with dots to values. Defaults to None.

    Returns:
        Config: The leaf.

    Raises:
        UserError: If it is not there or trains nothing.
    """
    if not Path(path).is_file():
        raise UserError(f'{path}: no such config; name a leaf, e.g. one of configs/corrmatch')
    cfg = Config.fromfile(path)
    cfg.merge_from_dict(overrides or {})
    for key in ('model', 'optim_wrapper', 'train_dataloader'):
        if key not in cfg:
            raise UserError(f'{path} has no {key}: name a leaf, e.g. one of configs/corrmatch')
    return cfg


def split_name(name: str) -> list[str]:
    """The changes that a name like ``plain`` or ``bf16+channels-last`` asks for.

    Raises:
        UserError: If one is unknown.
    """
    changes = name.split('+')
    unknown = [change for change in changes if change not in CHANGES]
    if unknown:
        raise UserError(
            f'--compare {name}: {unknown[0]!r} is neither a config file nor one of '
            f'{", ".join(CHANGES)} (joined by +)'
        )
    return changes


def change(cfg: Config, changes: list[str]) -> Config:
    """Apply changes to a copy of a leaf.

    Args:
        cfg (Config): The leaf.
        changes (list[str]): From :data:`CHANGES`.

    Returns:
        Config: The copy.

    Raises:
        UserError: If the method has no plain transcription.
    """
    cfg = copy.deepcopy(cfg)
    if 'plain' in changes:
        if cfg.model.type != 'CorrMatch':
            raise UserError(
                f'--compare plain: only CorrMatch has a plain transcription, {cfg.filename} '
                f'trains {cfg.model.type}'
            )
        cfg.model.type = 'PlainCorrMatch'
    if 'bf16' in changes:
        cfg.optim_wrapper.type = 'BFloat16OptimWrapper'
    if 'channels-last' in changes:
        cfg.merge_from_dict({'default_hooks.channels_last': dict(type='ChannelsLastHook')})
    return cfg


def fit_size(cfg: Config, size: tuple[int, int] | None) -> tuple[int, int]:
    """The crop that a leaf's preprocessor makes, after it was set.

    Args:
        cfg (Config): The leaf; changed.
        size (tuple[int, int], optional): Crop (H, W) instead of the leaf's. None keeps it.

    Returns:
        tuple[int, int]: The crop.

    Raises:
        UserError: If the leaf does not say.
    """
    outer = cfg.model.get('data_preprocessor') or cfg.get('data_preprocessor') or {}
    inner = outer.get('data_preprocessor', outer)
    if size is not None:
        inner['size'] = size
    if not inner.get('size'):
        raise UserError(f'{cfg.filename}: its data preprocessor has no size; give --crop')
    return tuple(inner['size'])


def build(cfg: Config, name: str, batches, device: torch.device, seed: int, changes=()) -> Trial:
    """A trial of a variant.

    Args:
        cfg (Config): The leaf.
        name (str): Of the variant.
        batches (callable): See :class:`Trial`.
        device (torch.device): Where it runs.
        seed (int): Of weights and draws.
        changes (Sequence[str]): From :data:`CHANGES`. Defaults to none.

    Returns:
        Trial: With its own copy of the leaf.
    """
    return Trial(change(cfg, list(changes)), batches, device, seed, name)
