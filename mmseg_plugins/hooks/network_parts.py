"""The parts of the network that is trained, for hooks that change how they run."""

from mmengine.model import is_model_wrapper
from torch import nn


def trained_network(runner) -> nn.Module:
    """The network that the optimizer moves.

    Args:
        runner (Runner): The runner.

    Returns:
        nn.Module: The student of a semi-supervised segmentor, else the model itself.
    """
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    return getattr(model, 'student', model)


def parts(network: nn.Module) -> dict[str, nn.Module]:
    """The parts of an mmseg encoder-decoder by name, those of a cascade one by one.

    Args:
        network (nn.Module): The network.

    Returns:
        dict[str, nn.Module]: Backbone, neck and heads, as far as it has them.
    """
    found = {}
    for name in ('backbone', 'neck', 'decode_head', 'auxiliary_head'):
        part = getattr(network, name, None)
        if isinstance(part, nn.ModuleList):
            found |= {f'{name}.{i}': item for i, item in enumerate(part)}
        elif part is not None:
            found[name] = part
    return found
