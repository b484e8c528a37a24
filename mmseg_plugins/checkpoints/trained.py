"""The model of a run with its trained weights."""

from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import nn

from .fit import fit
from .load import state_dict_of


def trained_model(cfg: Config, checkpoint: dict, path: str | Path, config: str | Path) -> nn.Module:
    """Build a run's model and load a checkpoint of it.

    Args:
        cfg (Config): The config of the run.
        checkpoint (dict): What :func:`load_file` returned.
        path (str | Path): The checkpoint, for messages.
        config (str | Path): The config file, for messages.

    Returns:
        nn.Module: On the CPU, in training mode.

    Raises:
        UserError: If the checkpoint is none of this config.
    """
    init_default_scope('mmseg')
    model = MODELS.build(cfg.model)
    state = state_dict_of(checkpoint, path)
    fix = 'name a checkpoint that this config trained'
    model.load_state_dict(fit(state, model, path, str(config), fix).state)
    return model
