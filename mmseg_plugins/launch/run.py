"""One run of the list: its command, and what is left to do of it."""

import argparse
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mmengine.config import Config, DictAction

from mmseg_plugins.config_changes import FREE, flat
from mmseg_plugins.errors import UserError
from mmseg_plugins.results.commands import LABEL_SEED
from mmseg_plugins.results.literals import read_literals

from .state import RunState

# changed settings that are told; the number of the others
SHOWN = 3


@dataclass(frozen=True)
class Run:
    """One config with one seed.

    Args:
        config (Path): The leaf, an absolute path.
        seed (int): Goes to ``randomness.seed``.
        work_dir (Path): Where it trains: ``<work dirs>/<config stem>/seed<k>``, absolute; with
            ``label<l>`` between the two where the benchmark has label seeds.
        cfg_options (tuple[str]): Further ``key=value`` overrides. Defaults to ().
        label_seed (int, optional): Which labelled list. Defaults to None: there is one.
        gpus (int): GPUs it takes. Defaults to 0, the CPU.
        retrain (bool): Train again where another config has trained. Defaults to False: that is
            refused.
    """

    config: Path
    seed: int
    work_dir: Path
    cfg_options: tuple[str, ...] = ()
    label_seed: int | None = None
    gpus: int = 0
    retrain: bool = False

    @property
    def name(self) -> str:
        label = '' if self.label_seed is None else f' label seed {self.label_seed}'
        return f'{self.config.stem}{label} seed {self.seed}'

    @property
    def overrides(self) -> list[str]:
        """Its ``--cfg-options``, but for the seed."""
        label = [] if self.label_seed is None else [f'{LABEL_SEED}={self.label_seed}']
        return [*label, *self.cfg_options]

    @property
    def log(self) -> Path:
        return self.work_dir / 'train.log'

    def command(self, mim: str = 'mim', resume: bool = False) -> list[str]:
        """The stock command that trains this run.

        Args:
            mim (str): The executable. Defaults to 'mim'.
            resume (bool): Go on from the last checkpoint of the work directory. Defaults to False.

        Returns:
            list[str]: The arguments.
        """
        command = [mim, 'train', 'mmseg', str(self.config), '--gpus', str(self.gpus)]
        if self.gpus > 1:
            command += ['--launcher', 'pytorch']
        command += ['--work-dir', str(self.work_dir)]
        if resume:
            command += ['--resume']
        return command + ['--cfg-options', f'randomness.seed={self.seed}', *self.overrides]

    def decide(self) -> tuple[str, str]:
        """What is left to do, from the newest start in the work directory.

        A finished run counts only if its config is still the one asked for: a short trial with
        ``train_cfg.max_iters=10`` must not pass for the real run.

        Returns:
            tuple[str, str]: 'train', 'resume' or 'skip', and why ('' for a fresh run).

        Raises:
            UserError: If another config has trained here and left a result or a checkpoint, and
                ``retrain`` is not set.
        """
        state = RunState.read(self.work_dir)
        if state is None:
            return 'train', ''
        if change := self._config_change(state):
            if (state.complete or state.has_checkpoint) and not self.retrain:
                raise UserError(
                    f'{shown(self.work_dir)} holds a run of another config: {change}; give '
                    '--retrain (its checkpoints are kept in earlier/) or another --work-dirs'
                )
            return 'train', f'trains again: {change}'
        if state.complete:
            return 'skip', 'finished before'
        if state.status in ('interrupted', 'running', 'failed') and state.has_checkpoint:
            ended = 'that failed' if state.status == 'failed' else 'interrupted'
            return 'resume', f'resumes the run {ended} at iteration {state.iters_done}'
        ends = {
            'failed': 'failed',
            'interrupted': 'was interrupted before its first checkpoint',
            'running': 'ended before its first checkpoint',
            'finished': f'stopped at iteration {state.iters_done} of {state.iters_planned}',
        }
        return 'train', f'trains again: the last start {ends.get(state.status, "left no record")}'

    def _config_change(self, state: RunState) -> str:
        """The settings in which the config asked for differs from the one that was run.

        As for a resume, where it runs and what it tells do not count.
        """
        if not state.dumped_config.is_file():
            return 'its config was not recorded'
        try:
            before = read_literals(state.dumped_config.read_text())  # may be anyone's: not run
            wanted = _wanted(self.config, self.config.stat().st_mtime_ns, *self.overrides)
        except Exception as error:  # a file cut short raises whatever the parser meets
            return f'its configs cannot be compared ({type(error).__name__})'
        return _difference(before, wanted)


@lru_cache(maxsize=512)
def _wanted(config: Path, changed: int, *overrides: str) -> dict:
    """A leaf with its overrides; the runs of a list share it over their seeds."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='*', action=DictAction)
    wanted = Config.fromfile(config, import_custom_modules=False)
    wanted.merge_from_dict(parser.parse_args(['--cfg-options', *overrides]).cfg_options or {})
    return wanted.to_dict()


def shown(path: Path) -> str:
    """A path as a person wants to read it: short below the working directory, else whole."""
    below = path.is_relative_to(Path.cwd())
    return str(path.relative_to(Path.cwd()) if below else path)


def _difference(before: dict, wanted: dict) -> str:
    before, wanted = flat(before), flat(wanted)
    changed = [
        key
        for key in sorted({*before, *wanted})
        if before.get(key, '(absent)') != wanted.get(key, '(absent)') and not _may_change(key)
    ]
    if not changed:
        return ''
    told = [
        '{} was {:.60}, is {:.60}'.format(
            key, *(str(c.get(key, '(absent)')) for c in (before, wanted))
        )
        for key in changed[:SHOWN]
    ]
    more = f' and {len(changed) - SHOWN} more' if len(changed) > SHOWN else ''
    return '; '.join(told) + more


def _may_change(key: str) -> bool:
    """A resume allows it, too; but a start from other weights is another run."""
    return key.startswith('randomness.') or bool(FREE.match(key) and key != 'load_from')
