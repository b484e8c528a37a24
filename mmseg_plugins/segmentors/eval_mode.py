from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(module: nn.Module) -> Iterator[nn.Module]:
    """Put a module into eval mode and give every submodule its own mode back."""
    modes = {child: child.training for child in module.modules()}
    module.eval()
    try:
        yield module
    finally:
        for child, mode in modes.items():
            child.training = mode
