"""Peak memory, and a batch that is too large for it."""

import sys

import pytest
import torch

from mmseg_plugins.benchmark.memory import kept_mib, peak_rise_mib
from mmseg_plugins.benchmark.out_of_memory import explained
from mmseg_plugins.benchmark.timeline import Timeline
from mmseg_plugins.errors import UserError
from mmseg_plugins.out_of_memory import ran_out

CPU = torch.device('cpu')


def test_peak_memory():
    def step():
        torch.zeros(32 * 2**18) + 1  # 32 MiB twice

    assert 60 < peak_rise_mib(step, CPU) < 75
    assert peak_rise_mib(lambda: None, CPU) < 5
    layer = torch.nn.Linear(1024, 1024, bias=False)  # 4 MiB
    layer(torch.ones(1, 1024)).sum().backward()
    optimizer = torch.optim.SGD(layer.parameters(), momentum=0.9, lr=0.1)
    assert kept_mib(layer, optimizer) == 8
    optimizer.step()
    assert kept_mib(layer, optimizer, layer) == 12


def test_rises_of_parts():
    """What a part frees again is seen too, and what it keeps is no other part's."""
    timeline = Timeline(CPU)
    timeline.rises = {}
    with timeline.step():
        with timeline.part('maps'):
            kept = torch.zeros(32 * 2**18) + 1  # 32 MiB twice, one stays
        with timeline.part('losses'):
            torch.zeros(32 * 2**18)
        with timeline.part('maps'):
            del kept
    assert 60 < timeline.rises['maps'] < 75
    assert 30 < timeline.rises['losses'] < 40
    assert timeline.rises['rest'] < 5


CUDA_TEXT = 'CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 8 GiB'
CPU_TEXT = (
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you "
    'tried to allocate 1610612736 bytes. Error code 12'
)


@pytest.mark.parametrize(
    'error, amount',
    [
        (torch.OutOfMemoryError(CUDA_TEXT), '2.50 GiB'),
        (RuntimeError(CPU_TEXT), '1.50 GiB'),
        (MemoryError(), None),
        (RuntimeError('CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate'), None),
    ],
)
def test_too_large_a_batch(error, amount, monkeypatch):
    """One line: the part that failed, the largest part, and what shrinks it."""
    weights = iter([0, 0, 100, 100, 3172, 3172, 3200])
    monkeypatch.setattr('mmseg_plugins.benchmark.timeline.in_use_mib', lambda device: next(weights))
    timeline = Timeline(CPU)
    timeline.weigh = True

    class Ran:
        pass

    Ran.timeline = timeline
    with pytest.raises(UserError) as caught, explained(4, None, 'leaf.py', [Ran]):
        with timeline.step():
            with timeline.part('partner pass'):
                pass
            with timeline.part('joint pass'):
                pass
            with timeline.part('strong pass'):
                raise error
    message = str(caught.value)
    assert '\n' not in message
    assert message.startswith("leaf.py: out of memory in the part 'strong pass'")
    assert f'(asked for {amount} more)' in message if amount else 'asked' not in message
    assert "the largest part is 'joint pass', 3.0 GiB or more" in message
    assert 'make it smaller: --batch below 4, --crop, checkpointing, bf16 or acc' in message


def test_a_training_that_runs_out(capsys):
    """The hook that prints a user's mistake in one line prints this in one line."""

    def loss_unsup():
        raise torch.OutOfMemoryError(CUDA_TEXT)

    try:
        loss_unsup()
    except RuntimeError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    line = capsys.readouterr().err
    assert line.count('\n') == 1 and 'Traceback' not in line
    assert line.startswith('error: out of memory in the pass over strong images and its losses')
    assert '(asked for 2.50 GiB more)' in line and 'source_ratio), the crop, checkpointing' in line


def test_other_errors_are_not_memory():
    assert not ran_out(RuntimeError('shapes do not fit')) and not ran_out(ValueError('memory'))
    with pytest.raises(RuntimeError, match='^shapes$'), explained(None, None, 'leaf.py'):
        raise RuntimeError('shapes')
