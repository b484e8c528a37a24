"""Division of a step into parts, and what follows from the parts, on made-up clocks."""

import pytest
import torch

from mmseg_plugins.benchmark.measurement import Measurement, median_and_iqr, overhead
from mmseg_plugins.benchmark.timeline import Timeline


@pytest.fixture
def ticking():
    """A timeline whose clock stands at the sum of what `wait` was told."""
    now = [0.0]
    timeline = Timeline(torch.device('cpu'), clock=lambda: now[0])

    def wait(seconds):
        now[0] += seconds

    return timeline, wait


def test_parts_add_up_to_the_step(ticking):
    timeline, wait = ticking
    with timeline.step():
        wait(1)
        with timeline.part('losses'):
            wait(2)
            with timeline.part('strong pass'):
                wait(4)
                with timeline.part('maps'):
                    wait(8)
                wait(16)
            wait(32)
        wait(64)
        with timeline.part('losses'):
            wait(128)
    wait(256)  # after the step
    parts = {'rest': 65, 'losses': 162, 'strong pass': 20, 'maps': 8}
    assert timeline.seconds() == parts and sum(parts.values()) == 255


def test_outside_of_a_step_nothing_is_recorded(ticking):
    timeline, wait = ticking
    with timeline.part('losses'):
        wait(1)
    assert timeline.seconds() == {} and timeline.current == 'rest'


def test_the_part_that_fails_is_remembered(ticking):
    timeline, _ = ticking
    with pytest.raises(MemoryError), timeline.step(), timeline.part('losses'):
        with timeline.part('joint pass'):
            raise MemoryError
    assert timeline.failed == 'joint pass'
    with pytest.raises(MemoryError), timeline.step():
        raise MemoryError  # between the parts
    assert timeline.failed == 'rest'
    with timeline.step():
        pass
    assert timeline.failed is None


def test_overhead():
    """Everything counts but the network, data, optimiser and EMA; also what has no name."""
    parts = {'joint pass': 60, 'backward': 100, 'weak pass': 20, 'labelled pass': 20}
    parts |= {'data': 50, 'optimiser': 30, 'EMA': 7}
    assert overhead(parts) == 0
    assert overhead(parts | {'maps': 2, 'losses': 4, 'rest': 3, 'pseudo label': 1}) == 0.05
    assert overhead(parts | {'something new': 20}) == 0.1
    found = Measurement(parts=[parts, parts | {'losses': 40}], bare=[200, 160])
    assert found.overheads() == [0, 0.2]
    assert found.over_bare() == [0, 0.5]
    assert found.steps() == [287, 327]


def test_median_and_iqr():
    assert median_and_iqr([3.0]) == (3.0, 0.0)
    assert median_and_iqr([1.0, 2.0, 3.0, 4.0, 100.0]) == (3.0, 2.0)


def test_syncs_leave_the_optimisers_host_scalars_out():
    waits = {'losses: nonzero': 2, 'optimiser: _local_scalar_dense': 112}
    assert Measurement(waits=waits, counted='operations that would wait').syncs() == 2
    assert Measurement(waits=waits, counted='CUDA synchronisations').syncs() == 114
