"""Which part of a measured step has most of the memory, where that ran out."""

from collections.abc import Iterator
from contextlib import contextmanager

from mmseg_plugins.errors import UserError
from mmseg_plugins.out_of_memory import SHRINK, ran_out, wanted_mib


@contextmanager
def explained(
    batch: int | None, crop: int | None, config: str, trials: list | None = None
) -> Iterator[None]:
    """Turn running out of memory into a line with the largest part and what shrinks it.

    Args:
        batch (int, optional): What ``--batch`` asked for.
        crop (int, optional): What ``--crop`` asked for.
        config (str): The leaf.
        trials (list[Trial], optional): What runs; their timelines know the parts. Defaults to
            None: nothing runs yet.

    Raises:
        UserError: Instead of PyTorch's or Python's own error.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
        message = describe(error, config, [trial.timeline for trial in trials or []])
        asked = dict(batch=batch, crop=crop)
        smaller = ', '.join(f'--{k} below {v}' if v else f'--{k}' for k, v in asked.items())
        raise UserError(f'{message}; make it smaller: {smaller}, {SHRINK}') from error


def describe(error: BaseException, config: str, timelines: list) -> str:
    """What ran out, where, and which part is the largest.

    Args:
        error (BaseException): See ``ran_out``.
        config (str): The leaf.
        timelines (list[Timeline]): Of what ran.

    Returns:
        str: One line.
    """
    wanted = wanted_mib(error)
    more = f' (asked for {wanted / 1024:.2f} GiB more)' if wanted else ''
    where, largest = '', ''
    for timeline in timelines:
        if timeline.failed:
            where = f' in the part {timeline.failed!r}'
            growth = timeline.growth_mib()
            growth[timeline.failed] = growth.get(timeline.failed, 0.0) + wanted
            part = max(growth, key=growth.get)
            if growth[part] > 0:
                largest = f'; the largest part is {part!r}, {growth[part] / 1024:.1f} GiB or more'
    if not where:
        where = ' before the first step'
    return f'{config}: out of memory{where}{more}{largest}'
