from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from mmseg_plugins.errors import UserError

from .load import shorten

COUNTER = 'num_batches_tracked'


@dataclass
class Fitted:
    """Tensors under the names of a model, every one of them accounted for.

    Args:
        state (dict[str, Tensor]): What the model loads.
        what (str): What the model is, e.g. ``'deep-stem ResNet-101'``.
        dropped (list[str]): Names in the source that the model has no use for.
        left (list[str]): Names of the model that are left to the model.
        counters (int): Batch norm counters that the source lacks, set to 0.
    """

    state: dict[str, Tensor]
    what: str
    dropped: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    counters: int = 0

    def summary(self) -> list[str]:
        """Lines that say where every tensor went."""
        lines = [f'{len(self.state) - self.counters} tensors mapped']
        lines.append(f'{len(self.dropped)} dropped' + _listed(self.dropped))
        lines.append(f'{len(self.left)} missing' + _listed(self.left))
        if self.counters:
            lines.append(f'{self.counters} batch norm counters not in the file, set to 0')
        return lines


def _listed(names: list[str]) -> str:
    """``: correlation.* (11), threshold``: the first part of the names, and how many have it."""
    tops = Counter(name.partition('.')[0] for name in names)
    parts = [top if top in names else f'{top}.* ({number})' for top, number in tops.items()]
    return f': {", ".join(parts)}' if parts else ''


def fit(
    source: dict[str, Tensor],
    model: torch.nn.Module,
    path: str | Path,
    what: str,
    fix: str,
    rename: Callable[[str], str | None] = str,
    drop: tuple[str, ...] = (),
    leave: tuple[str, ...] = (),
) -> Fitted:
    """Rename tensors and compare them with a model's.

    Args:
        source (dict[str, Tensor]): Name to tensor.
        model (nn.Module): The model; its names and shapes are read, nothing is loaded.
        path (str | Path): Where the tensors come from, for the message.
        what (str): What the model is, for messages.
        fix (str): What to do about a source that does not fit, for the message.
        rename (Callable): The model's name of a tensor, None for an unknown one. Defaults to no
            change.
        drop (tuple[str]): Beginnings of names in the source that are dropped. Defaults to none.
        leave (tuple[str]): Names of the model that the source need not have. Defaults to none.

    Returns:
        Fitted: The renamed tensors, in the model's order, and what became of the others.

    Raises:
        UserError: If a tensor is unknown, missing or of another shape.
    """
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found, dropped, unexpected, shapes = {}, [], [], []
    for name, value in source.items():
        ours, shape = rename(name), tuple(value.shape)
        if drop and name.startswith(drop):
            dropped.append(name)
        elif ours not in wanted or ours in found:
            unexpected.append(name)
        else:
            found[ours] = value
            if shape != wanted[ours]:
                shapes.append(f'{name} {shape} instead of {wanted[ours]}')
    absent = [name for name in wanted if name not in found]
    counters = [name for name in absent if name.endswith(COUNTER)]
    left = [name for name in absent if name in leave]
    missing = [name for name in absent if name not in counters and name not in left]

    groups = {'unexpected': unexpected, 'missing': missing, 'of another shape': shapes}
    faults = [f'{len(names)} {kind} ({shorten(names)})' for kind, names in groups.items() if names]
    if faults:
        raise UserError(
            f'{path} does not fit {what} ({len(wanted)} tensors): {", ".join(faults)}; {fix}'
        )
    found.update({name: torch.tensor(0) for name in counters})
    state = {name: found[name] for name in wanted if name in found}
    return Fitted(state, what, dropped, left, len(counters))
