"""How often a step makes the host wait for the device."""

import warnings
from collections import Counter
from collections.abc import Callable
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode

# operations whose result or whose size the host needs
WAITING = {
    '_local_scalar_dense',
    'nonzero',
    'masked_select',
    '_unique',
    '_unique2',
    'unique_dim',
    'unique_consecutive',
    'bincount',
    'equal',
    'is_nonzero',
}
CUDA, DISPATCHED = 'CUDA synchronisations', 'operations that would wait'
INDEXING = {'index', 'index_put', 'index_put_', '_index_put_impl_'}


class WaitCounter(TorchDispatchMode):
    """Counts operations that would wait on CUDA, whatever the device.

    These are reads of a scalar, operations whose output's size depends on values, and indexing by
    a bool mask. Copies between host and device are none on a CPU and so not counted there.

    Args:
        part (callable): Names the part of the step that runs. Defaults to one without a name.

    Attributes:
        found (Counter): (part, operation) to how often.
    """

    def __init__(self, part: Callable[[], str] = lambda: '') -> None:
        super().__init__()
        self.part = part
        self.found: Counter = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Let the operation run, and count it if it would wait."""
        name = func.overloadpacket.__name__
        if name in WAITING or name in INDEXING and _by_mask(args[1]):
            self.found[self.part(), name] += 1
        return func(*args, **(kwargs or {}))


def _by_mask(indices) -> bool:
    masks = (torch.bool, torch.uint8)
    return any(isinstance(index, torch.Tensor) and index.dtype in masks for index in indices)


def count_waits(
    step: Callable[[], None], device: torch.device, part: Callable[[], str] = lambda: ''
) -> tuple[Counter, str]:
    """Count the waits of a step.

    Args:
        step (callable): The step.
        device (torch.device): Where it runs.
        part (callable): Names the part of the step that runs. Defaults to one without a name.

    Returns:
        tuple[Counter, str]: (part, operation) to how often; and how it was counted:
        :data:`CUDA` or :data:`DISPATCHED`.
    """
    if device.type == 'cuda':
        return _count_on_cuda(step, part), CUDA
    with WaitCounter(part) as counter:
        step()
    return counter.found, DISPATCHED


def _count_on_cuda(step, part) -> Counter:
    found: Counter = Counter()

    def note(message, category, filename, lineno, file=None, line=None) -> None:
        if 'synchroniz' in str(message):
            found[part(), f'{filename.rpartition("site-packages/")[2]}:{lineno}'] += 1

    with warnings.catch_warnings():
        warnings.simplefilter('always')
        warnings.showwarning = note
        # an event is waited for without a word of the debug mode
        synchronize = torch.cuda.Event.synchronize

        def note_event(event) -> None:
            found[part(), 'event of a copy'] += 1
            synchronize(event)

        torch.cuda.set_sync_debug_mode('warn')
        try:
            with mock.patch.object(torch.cuda.Event, 'synchronize', note_event):
                step()
        finally:
            torch.cuda.set_sync_debug_mode('default')
    return found
