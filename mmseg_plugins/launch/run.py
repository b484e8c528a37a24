"""The run list: which configs with which seeds, and the command of each."""

import argparse
import difflib
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config, DictAction

from mmseg_plugins.errors import UserError

from .state import RunState

CONFIGS = Path(__file__).parents[1] / '.mim' / 'configs'
# Written into the dumped config by the start itself; the same config may differ in them.
START_KEYS = {'work_dir', 'launcher', 'resume', 'randomness'}


@dataclass(frozen=True)
class Run:
    """One config with one seed.

    Args:
        config (Path): The leaf, an absolute path.
        seed (int): Goes to ``randomness.seed``.
        work_dir (Path): Where it trains: ``<work dirs>/<config stem>/seed<k>``, absolute.
        cfg_options (tuple[str]): Further ``key=value`` overrides. Defaults to ().
    """

    config: Path
    seed: int
    work_dir: Path
    cfg_options: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f'{self.config.stem} seed {self.seed}'

    @property
    def log(self) -> Path:
        return self.work_dir / 'train.log'

    def command(self, mim: str = 'mim', gpus: int = 0, resume: bool = False) -> list[str]:
        """The stock command that trains this run.

        Args:
            mim (str): The executable. Defaults to 'mim'.
            gpus (int): GPUs of this run. Defaults to 0, the CPU.
            resume (bool): Go on from the last checkpoint of the work directory. Defaults to False.

        Returns:
            list[str]: The arguments.
        """
        command = [mim, 'train', 'mmseg', str(self.config), '--gpus', str(gpus)]
        if gpus > 1:
            command += ['--launcher', 'pytorch']
        command += ['--work-dir', str(self.work_dir)]
        if resume:
            command += ['--resume']
        return command + ['--cfg-options', f'randomness.seed={self.seed}', *self.cfg_options]

    def decide(self) -> tuple[str, str]:
        """What is left to do, from the newest start in the work directory.

        A finished run counts only if its config is still the one asked for: a short trial with
        ``train_cfg.max_iters=10`` must not pass for the real run.

        Returns:
            tuple[str, str]: 'train', 'resume' or 'skip', and why ('' for a fresh run).
        """
        state = RunState.read(self.work_dir)
        if state is None:
            return 'train', ''
        if change := self._config_change(state):
            return 'train', f'trains again: {change}'
        if state.complete:
            return 'skip', 'finished before'
        if state.status in ('interrupted', 'running') and state.has_checkpoint:
            return 'resume', f'resumes the run interrupted at iteration {state.iters_done}'
        ends = {
            'failed': 'failed',
            'interrupted': 'was interrupted before its first checkpoint',
            'running': 'ended before its first checkpoint',
            'finished': f'stopped at iteration {state.iters_done} of {state.iters_planned}',
        }
        return 'train', f'trains again: the last start {ends.get(state.status, "left no record")}'

    def _config_change(self, state: RunState) -> str:
        """The first setting in which the config asked for differs from the one that was run."""
        if not state.dumped_config.is_file():
            return 'its config was not recorded'
        parser = argparse.ArgumentParser()
        parser.add_argument('--cfg-options', nargs='*', action=DictAction)
        options = parser.parse_args(['--cfg-options', *self.cfg_options]).cfg_options
        try:
            before = Config.fromfile(state.dumped_config, import_custom_modules=False)
            wanted = Config.fromfile(self.config, import_custom_modules=False)
            wanted.merge_from_dict(options or {})
        except Exception as error:  # a file cut short raises whatever the parser meets
            return f'its configs cannot be compared ({type(error).__name__})'
        return _difference(before.to_dict(), wanted.to_dict(), START_KEYS)


def plan_runs(
    configs: list[str],
    seeds: list[int] = (0,),
    work_dirs: str = 'work_dirs',
    cfg_options: list[str] = (),
) -> list[Run]:
    """The run list, seed by seed, so that early results already compare the configs.

    Args:
        configs (list[str]): Paths of leaves.
        seeds (list[int]): Defaults to (0,).
        work_dirs (str): Parent of the work directories. Defaults to 'work_dirs'.
        cfg_options (list[str]): ``key=value`` overrides for every run. Defaults to ().

    Returns:
        list[Run]: One per config and seed.

    Raises:
        UserError: On an unknown config, two configs of one name, a repeated or negative seed, or an
            override that is not ``key=value`` or that sets the seed.
    """
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
    paths = {}
    for config in configs:
        path = find_config(config)
        if path.stem in paths:
            raise UserError(
                f'{config}: a config named {path.stem} is already in the list and both would train '
                f'in the same work directory; give it once'
            )
        paths[path.stem] = path
    root = Path(work_dirs).absolute()
    return [
        Run(path, seed, root / stem / f'seed{seed}', tuple(cfg_options))
        for seed in seeds
        for stem, path in paths.items()
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


def shown(path: Path) -> str:
    """A path as a person wants to read it: short below the working directory, else whole."""
    below = path.is_relative_to(Path.cwd())
    return str(path.relative_to(Path.cwd()) if below else path)


def _difference(before: dict, wanted: dict, ignored: set = frozenset(), prefix: str = '') -> str:
    for key in sorted((set(before) | set(wanted)) - ignored, key=str):
        old, new = before.get(key, '(absent)'), wanted.get(key, '(absent)')
        if isinstance(old, dict) and isinstance(new, dict):
            if inner := _difference(old, new, prefix=f'{prefix}{key}.'):
                return inner
        elif old != new:
            return f'{prefix}{key} was {str(old)[:60]}, is {str(new)[:60]}'
    return ''
