"""The command that reproduces a cell, as a person types it in the checkout."""

import re
import shlex
from collections.abc import Sequence

from mmseg_plugins.results.printable import printable

# Where a config takes the seed of its labelled list.
LABEL_SEED = 'train_dataloader.dataset.label_seed'


def cell_command(
    path: str, gpus: float = 1, seeds: Sequence[int] = (), label_seeds: Sequence[str] = ()
) -> str:
    """The command of a cell: one training, or the launcher for several seeds.

    Args:
        path (str): The config, e.g. ``configs/cutmix/NAME.py``.
        gpus (float): GPUs of a run; 0 is the processor, NaN is one. Defaults to 1.
        seeds (Sequence[int]): The seeds to run. Defaults to (): the config's own.
        label_seeds (Sequence[str]): Seeds of the labelled list; one training for each. Defaults to
            (): the benchmark has one list.

    Returns:
        str: One line.
    """
    gpus = 1 if gpus != gpus else int(gpus)
    path, *label_seeds = (
        shlex.quote(printable(re.sub(r'\s+', ' ', name))) for name in (path, *label_seeds)
    )
    if len(label_seeds) > 1:
        option = f'{LABEL_SEED}=$k'
        train = _train(path, gpus, [*_seed(seeds[:1]), option], f'work_dirs/{_stem(path)}/label$k')
        return f'for k in {" ".join(label_seeds)}; do {train}; done'
    options = [f'{LABEL_SEED}={seed}' for seed in label_seeds]
    if len(seeds) > 1:
        numbers = ','.join(map(str, seeds))
        line = f'python tools/launch.py {path} --seeds {numbers} --executor local'
        line += f' --gpus {gpus}' if gpus else ''
        return line + (f' --cfg-options {" ".join(options)}' if options else '')
    return _train(path, gpus, [*_seed(seeds), *options])


def _train(path: str, gpus: int, options: list[str], work_dir: str = '') -> str:
    line = f'mim train mmseg {path} --gpus {gpus}'
    line += ' --launcher pytorch' if gpus > 1 else ''
    line += f' --work-dir {work_dir}' if work_dir else ''
    return line + (f' --cfg-options {" ".join(options)}' if options else '')


def _seed(seeds: Sequence[int]) -> list[str]:
    return [f'randomness.seed={seed}' for seed in seeds]


def _stem(path: str) -> str:
    return path.rpartition('/')[2].removesuffix('.py')
