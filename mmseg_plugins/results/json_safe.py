"""Values from configs and metrics as strict JSON holds them."""

import math
from collections.abc import Mapping
from typing import Any


def json_safe(value: Any) -> Any:
    """Reduce a value to what strict JSON holds.

    Args:
        value (Any): Anything that a config or a metric may hold.

    Returns:
        Any: The same with plain dicts, lists, strings and numbers; NaN and infinities become None,
        tensors and numpy scalars of one element numbers, anything else its ``str``.
    """
    if isinstance(value, Mapping):
        return {str(key): json_safe(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [json_safe(item) for item in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    # Without importing torch: the size of an array is a number, a tensor counts its elements.
    count = getattr(value, 'numel', None)
    if getattr(value, 'size', None) == 1 or (callable(count) and count() == 1):
        return json_safe(value.item())
    return str(value)
