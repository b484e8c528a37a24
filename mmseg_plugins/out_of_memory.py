"""A batch too large for memory, told in one line."""

import re
from types import TracebackType

SHRINK = 'checkpointing, bf16 or accumulation (docs/speed_options.md)'
# in MiB
UNITS = {'bytes': 2.0**-20, 'KiB': 2.0**-10, 'MiB': 1.0, 'GiB': 1024.0}
# Functions of a training by what they do; the innermost one on the way to the error is named.
PARTS = {
    'forward_views': 'the passes over clean images',
    'loss_sup': 'the losses on labelled images',
    'loss_unsup': 'the pass over strong images and its losses',
    'correlation_matrix': 'the correlation matrix',
    'binary_maps': 'the region maps',
    'backward': 'the backward pass',
    'update_params': 'the backward pass or the optimizer step',
    'run_iter': 'a training step',
    'predict': 'a validation',
}


def ran_out(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on a GPU or on the host."""
    if isinstance(error, MemoryError) or type(error).__name__ == 'OutOfMemoryError':
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "can't allocate memory" in text
        or 'not enough memory' in text
        or 'out of memory' in text
        or 'STATUS_ALLOC_FAILED' in text  # of cuDNN and cuBLAS, which allocate on their own
    )


def wanted_mib(error: BaseException) -> float:
    """How much an error says that was asked for in vain, in MiB; 0 where it does not."""
    asked = re.search(r'[Tt]ried to allocate ([\d.]+) ?(\w+)', str(error))
    return float(asked[1]) * UNITS.get(asked[2], 0.0) if asked else 0.0


def training_line(error: BaseException, traceback: TracebackType | None) -> str:
    """What a training that ran out of memory says.

    Args:
        error (BaseException): See :func:`ran_out`.
        traceback (TracebackType, optional): Its own.

    Returns:
        str: One line.
    """
    where = 'a training step'
    while traceback is not None:
        where = PARTS.get(traceback.tb_frame.f_code.co_name, where)
        traceback = traceback.tb_next
    wanted = wanted_mib(error)
    more = f' (asked for {wanted / 1024:.2f} GiB more)' if wanted else ''
    return (
        f'out of memory in {where}{more}; tools/benchmark_step.py CONFIG shows the largest part; '
        f'make it smaller: the batch (train_dataloader.batch_size and sampler.source_ratio), the '
        f'crop, {SHRINK}'
    )
