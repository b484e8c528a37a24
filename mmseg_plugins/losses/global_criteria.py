"""A network's own criteria with denominators over all ranks."""

from collections.abc import Mapping
from typing import Any

from mmseg_plugins.errors import UserError

# Criteria of this package, which have the option.
OWN = ('LabelledCrossEntropyLoss', 'BatchOHEMLoss', 'ClassDiceLoss', 'MaskedLovaszLoss')


def global_criteria(part: Any, owner: str) -> Any:
    """A network's config whose criteria divide by the pixels of all ranks.

    mmseg's ``CrossEntropyLoss(avg_non_ignore=True)`` becomes :class:`LabelledCrossEntropyLoss`;
    without that option it divides by all pixels, which are equally many on every rank, and stays.

    Args:
        part (Any): The config of a network, or a part of one; it is not changed.
        owner (str): Name of the class that asks for it, for the message.

    Returns:
        Any: The same kind, a copy.

    Raises:
        UserError: If a criterion cannot.
    """
    if isinstance(part, list | tuple):
        return type(part)(global_criteria(item, owner) for item in part)
    if not isinstance(part, Mapping):
        return part
    copy = type(part)({key: global_criteria(value, owner) for key, value in part.items()})
    if 'loss_decode' in copy:
        losses = copy['loss_decode']
        several = isinstance(losses, list | tuple)
        changed = [_global(loss, owner) for loss in (losses if several else [losses])]
        copy['loss_decode'] = changed if several else changed[0]
    return copy


def _global(loss: dict, owner: str) -> dict:
    name = getattr(loss['type'], '__name__', loss['type']).rpartition('.')[-1]
    if name == 'CrossEntropyLoss':
        if not loss.get('avg_non_ignore', False):
            return loss
        name = 'LabelledCrossEntropyLoss'
    elif name not in OWN:
        raise UserError(
            f"{owner}: denominators='global', but {name} averages over the pixels of its own rank; "
            f'use CrossEntropyLoss or one of {", ".join(OWN)} as loss_decode'
        )
    return type(loss)({**loss, 'type': name, 'denominators': 'global'})
