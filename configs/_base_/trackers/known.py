# Sets nothing: a tracker that is none is told in one line, not as a file that is missing.
import importlib
import os

if os.environ.get('MMSEG_TRACKER', 'local') not in ('local', 'tensorboard', 'wandb', 'mlflow'):
    raise importlib.import_module('mmseg_plugins.errors').UserError(
        f'MMSEG_TRACKER={os.environ["MMSEG_TRACKER"]!r} is no tracker; use tensorboard, wandb or '
        'mlflow, or unset it'
    )
