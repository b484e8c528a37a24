"""The run list: which configs with which seeds, and where each trains."""

import difflib
from collections.abc import Sequence
from pathlib import Path

from mmseg_plugins.datasets.prepare.lists import label_seeds as known_label_seeds
from mmseg_plugins.errors import UserError
from mmseg_plugins.matrix import Leaf
from mmseg_plugins.results.commands import LABEL_SEED

from .run import Run, shown
from .selection import CONFIGS, leaf_of


def plan_runs(
    configs: Sequence[str],
    seeds: Sequence[int] = (0,),
    work_dirs: str = 'work_dirs',
    cfg_options: Sequence[str] = (),
    label_seeds: Sequence[str] = (),
    gpus: int | None = None,
    retrain: bool = False,
) -> list[Run]:
    """The run list, seed by seed, so that early results already compare the configs.

    Args:
        configs (Sequence[str]): Paths of leaves.
        seeds (Sequence[int]): Defaults to (0,).
        work_dirs (str): Parent of the work directories. Defaults to 'work_dirs'.
        cfg_options (Sequence[str]): ``key=value`` overrides for every run. Defaults to ().
        label_seeds (Sequence[str]): For the configs whose benchmark has label seeds: numbers, or
            'all'. Defaults to (): the config's own.
        gpus (int, optional): GPUs of each run. Defaults to what the matrix says of the config; 0
            for a tiny one and one that is not in the matrix.
        retrain (bool): Train again where another config has trained. Defaults to False.

    Returns:
        list[Run]: One per config, label seed and seed.

    Raises:
        UserError: On an unknown config, two configs of one name, a repeated or negative seed, an
            unknown label seed, or an override that is not ``key=value`` or sets the seed.
    """
    given = [option.removeprefix(f'{LABEL_SEED}=') for option in cfg_options if _labels(option)]
    if given and label_seeds:
        raise UserError(f'--label-seeds and --cfg-options {LABEL_SEED} say the same; give one')
    cfg_options = tuple(option for option in cfg_options if not _labels(option))
    _check(seeds, cfg_options)
    paths = {}
    for config in configs:
        path = find_config(config)
        if path.stem in paths:
            raise UserError(
                f'{config}: a config named {path.stem} is already in the list and both would train '
                f'in the same work directory; give it once'
            )
        paths[path.stem] = path
    leaves = {stem: leaf_of(path) for stem, path in paths.items()}
    label_seeds = list(label_seeds or given)
    if label_seeds and not any(map(_own_label_seed, leaves.values())):
        raise UserError(
            f'--label-seeds {",".join(label_seeds)}: none of the {len(paths)} configs has a '
            'benchmark with label seeds; leave it out'
        )
    labels = {stem: _label_seeds(leaf, label_seeds) for stem, leaf in leaves.items()}
    root = Path(work_dirs).absolute()
    return [
        Run(
            path,
            seed,
            root / stem / ('' if label is None else f'label{label}') / f'seed{seed}',
            cfg_options,
            label,
            _gpus(leaves[stem]) if gpus is None else gpus,
            retrain,
        )
        for seed in seeds
        for stem, path in paths.items()
        for label in labels[stem]
    ]


def find_config(config: str) -> Path:
    """The absolute path of a leaf.

    Raises:
        UserError: If it does not exist, with the nearest names below its folder.
    """
    path = Path(config).absolute()
    if path.is_file() and path.suffix == '.py':
        return path
    folder = next(parent for parent in path.parents if parent.is_dir())
    # A mistyped file: its neighbours. A mistyped method: its siblings. Else: all of the project's.
    candidates = [*folder.glob('*.py'), *folder.glob('*/*.py'), *CONFIGS.glob('*/*.py')]
    known = {path.stem: shown(path.resolve()) for path in candidates}
    near = difflib.get_close_matches(path.stem, known, n=3, cutoff=0.5)
    hint = ' or '.join(known[stem] for stem in near)
    what = 'is a folder, not a config' if path.is_dir() else 'does not exist'
    raise UserError(
        f'config {config} {what}; '
        + (f'did you mean {hint}?' if hint else f'there is nothing like it below {folder}')
    )


def _labels(option: str) -> bool:
    return option.startswith(f'{LABEL_SEED}=')


def _check(seeds: Sequence[int], cfg_options: Sequence[str]) -> None:
    for option in cfg_options:
        key, sign, _ = option.partition('=')
        if not (key and sign):
            raise UserError(f'--cfg-options {option!r} is not key=value')
        if key == 'randomness.seed':
            raise UserError(
                f'--cfg-options {option}: give seeds with --seeds {option[len(key) + 1 :]}'
            )
    for seed in seeds:
        if seed < 0 or list(seeds).count(seed) > 1:
            raise UserError(f'--seeds: {seed} is negative or given twice; give each seed once')


def _own_label_seed(leaf: Leaf | None) -> int | None:
    return leaf.protocol['label_seed'] if leaf else None


def _label_seeds(leaf: Leaf | None, wanted: list[str]) -> list[int | None]:
    """The label seeds of a config; [None] where its benchmark has one list."""
    own = _own_label_seed(leaf)
    if own is None:
        return [None]
    benchmark = leaf.protocol['benchmark']
    known = known_label_seeds(benchmark)
    if wanted == ['all']:
        return known
    for seed in wanted:
        if seed not in map(str, known) or wanted.count(seed) > 1:
            raise UserError(
                f'--label-seeds: {seed!r} is given twice or not one of {benchmark}; choose from '
                f'{",".join(map(str, known))} or all'
            )
    return [int(seed) for seed in wanted] or [own]


def _gpus(leaf: Leaf | None) -> int:
    """GPUs of a leaf: those of its protocol; the tiny ones are made for the CPU."""
    return 0 if leaf is None or leaf.settings['memory'] == 'CPU' else leaf.protocol['gpus']
