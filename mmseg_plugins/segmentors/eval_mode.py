from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(module: nn.Module) -> Iterator[nn.Module]:
    """Put a module into eval mode and give every submodule its own mode back."""
    training = [child for child in module.modules() if child.training]
    module.eval()
    try:
        yield module
    finally:
        for child in training:
            child.training = True
