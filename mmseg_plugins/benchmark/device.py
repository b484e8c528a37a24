"""Where a benchmark runs."""

import torch

from mmseg_plugins.errors import UserError


def find_device(name: str | None) -> torch.device:
    """The device of a name, made the current one.

    Args:
        name (str, optional): cpu, cuda, cuda:1. None is a GPU where there is one.

    Returns:
        torch.device: It is there.

    Raises:
        UserError: If it is not.
    """
    try:
        device = torch.device(name or ('cuda' if torch.cuda.is_available() else 'cpu'))
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError):
        raise UserError(f'--device {name}: there is no such device; use cpu') from None
    if device.type == 'cuda':
        torch.cuda.set_device(device)
    return device
