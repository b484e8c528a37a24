"""Checkpoint files: safe loading, other people's names, export, ``weights://``.

Importing this package registers ``weights://NAME`` with MMEngine's checkpoint loader and makes its
other loaders refuse code.
"""

from .atomic_backend import AtomicBackend
from .convert import convert_backbone, convert_corrmatch
from .export import export_network
from .fit import Fitted, fit
from .load import load_file, state_dict_of
from .run_config import run_config
from .save import check_output, save_files
from .strict_schemes import load_from_http, load_from_local
from .trained import trained_model
from .weights_scheme import load_from_weights

__all__ = [
    'AtomicBackend',
    'Fitted',
    'check_output',
    'convert_backbone',
    'convert_corrmatch',
    'export_network',
    'fit',
    'load_file',
    'load_from_http',
    'load_from_local',
    'load_from_weights',
    'run_config',
    'save_files',
    'state_dict_of',
    'trained_model',
]
