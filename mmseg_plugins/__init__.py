"""Semi-supervised semantic segmentation for MMSegmentation: importing it fills mmseg's registries.

Configs reach it with ``custom_imports = dict(imports=['mmseg_plugins'])``.
"""

import contextlib
import io
import warnings

# The stack prints harmless notes when it is imported; keep them out of our tools' output.
with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
    warnings.simplefilter('ignore')
    from .errors import install_excepthook
    from .version import __version__, check_stack

    check_stack()
    from . import (  # noqa: F401
        backbones,
        box_policies,
        checkpoints,
        data_preprocessors,
        datasets,
        evaluation,
        heads,
        hooks,
        loops,
        losses,
        optim,
        segmentors,
    )

install_excepthook()

__all__ = ['__version__']
