"""How much memory a step takes at most."""

import ctypes
import re
from collections.abc import Callable
from pathlib import Path

import torch

from mmseg_plugins.errors import UserError


def peak_rise_mib(step: Callable[[], None], device: torch.device) -> float:
    """By how much the memory in use grows at most while a step runs.

    Args:
        step (callable): The step.
        device (torch.device): Where it runs.

    Returns:
        float: MiB.

    Raises:
        UserError: On a CPU without Linux's ``/proc``.
    """
    before = start_peak(device)
    step()
    return peak_mib(device) - before


def start_peak(device: torch.device) -> float:
    """Begin to look for the peak of the memory in use.

    On CUDA it is what PyTorch's allocator has handed out. On a CPU it is what is resident of this
    process, after all that is free was given back to the system: freed memory of earlier steps
    does not hide what is needed.

    Args:
        device (torch.device): Where a step runs.

    Returns:
        float: In use now, in MiB.

    Raises:
        UserError: On a CPU without Linux's ``/proc``.
    """
    if device.type == 'cuda':
        torch.cuda.reset_peak_memory_stats(device)
    elif not Path('/proc/self/clear_refs').exists():
        raise UserError('peak memory on a CPU is read from /proc, which this system does not have')
    else:
        ctypes.CDLL(None).malloc_trim(0)
        Path('/proc/self/clear_refs').write_text('5')  # the peak starts anew
    return in_use_mib(device)


def peak_mib(device: torch.device) -> float:
    """The most that was in use since :func:`start_peak`, in MiB."""
    if device.type == 'cuda':
        return torch.cuda.max_memory_allocated(device) / 2**20
    return _resident('VmHWM')


def kept_mib(*owners) -> float:
    """Memory of parameters, gradients, buffers and optimiser states that live between steps.

    Args:
        *owners: Modules and optimizers.

    Returns:
        float: MiB; a tensor that two of them hold counts once.
    """
    tensors = []
    for owner in owners:
        if isinstance(owner, torch.nn.Module):
            tensors += [*owner.parameters(), *owner.buffers()]
            tensors += [p.grad for p in owner.parameters() if p.grad is not None]
        else:
            tensors += [
                value
                for state in owner.state.values()
                for value in state.values()
                if isinstance(value, torch.Tensor)
            ]
    sizes = {(t.device, t.data_ptr()): t.numel() * t.element_size() for t in tensors}
    return sum(sizes.values()) / 2**20


def in_use_mib(device: torch.device) -> float:
    """Memory in use now, in MiB: PyTorch's on a GPU, resident of this process on a CPU."""
    if device.type == 'cuda':
        return torch.cuda.memory_allocated(device) / 2**20
    return _resident('VmRSS') if Path('/proc/self/status').exists() else 0.0


def _resident(name: str) -> float:
    status = Path('/proc/self/status').read_text()
    return int(re.search(rf'{name}:\s+(\d+)', status)[1]) / 1024
