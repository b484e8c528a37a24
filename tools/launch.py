"""Train cells of the matrix, or configs, with several seeds, with stock `mim train` commands.

    python tools/launch.py --benchmark 'voc_classic_*' --method corrmatch --seeds 0,1,2
    python tools/launch.py configs/*/*_shapes_12-96.py --seeds 0,1,2 --executor local --jobs 2
    python tools/launch.py --benchmark 'voc_*' --executor slurm --jobs 8 --slurm partition=gpu

The first prints the commands. `local` trains on this machine, `slurm` submits job arrays. Each
run trains in DIR/<config name>/seed<k>, where train.log takes its output. Finished runs are
skipped, interrupted and failed ones resumed from their last checkpoint. A run whose config has
changed is refused, unless --retrain. A run that fails does not stop the others: the table at the
end gives its reason, and the exit status is 1. Ctrl-C ends local runs, which can go on, and leaves
Slurm's alone; the same command then goes on. docs/cluster.md has more.
"""

import argparse
import os
import shlex
import signal
import sys
from pathlib import Path

from tabulate import tabulate

from mmseg_plugins.errors import UserError, main_guard
from mmseg_plugins.launch import (
    Campaign,
    LocalExecutor,
    Run,
    RunState,
    SlurmExecutor,
    check_writable,
    drive,
    plan_runs,
    select_configs,
)
from mmseg_plugins.launch.progress import Progress, counted, duration
from mmseg_plugins.launch.run import shown
from mmseg_plugins.launch.selection import AXES


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('configs', nargs='*', metavar='CONFIG', help='config files, in place of the filters')
    for axis in AXES:
        add(
            f'--{axis}',
            action='append',
            default=[],
            metavar='PATTERN',
            help=f"of the matrix, the cells of this {axis}; repeatable, with '*' and '?'",
        )
    add('--variants', action='store_true', help='with filters, also the leaves not primary')
    add('--seeds', nargs='+', default=['0'], metavar='K', help='seeds, as 0,1,2 (default: 0)')
    add(
        '--label-seeds',
        nargs='+',
        default=[],
        metavar='K',
        help="where a benchmark has label seeds: as 12345,23456 or all (default: the config's)",
    )
    add(
        '--executor',
        choices=('print', 'local', 'slurm'),
        default='print',
        help='print the commands, train here, or submit to Slurm (default: print)',
    )
    add('--work-dirs', default='work_dirs', metavar='DIR', help='default: %(default)s')
    add(
        '--jobs',
        type=positive,
        metavar='N',
        help='runs at once (default: local: as the GPUs allow, 1 on the CPU; slurm: no cap)',
    )
    add(
        '--gpus',
        type=count,
        metavar='N',
        help="GPUs of each run; 0 is the CPU (default: the cell's; 0 for tiny ones)",
    )
    add(
        '--threads',
        type=positive,
        metavar='N',
        help='CPU threads of each run (default: local: cores / jobs; slurm: 6 per GPU)',
    )
    add(
        '--retries',
        type=count,
        default=3,
        metavar='N',
        help='how often in a row an interrupted run starts again without coming further '
        '(default: %(default)s)',
    )
    add(
        '--retrain',
        action='store_true',
        help='train again what another config has trained; its checkpoints are kept in earlier/',
    )
    add(
        '--slurm',
        nargs='+',
        default=[],
        metavar='K=V',
        help='options of sbatch, e.g. partition=gpu time=1-00:00:00 mem=64G account=lab',
    )
    add('--cfg-options', nargs='+', default=[], metavar='K=V', help='overrides for every run')
    add('--mim', metavar='FILE', help='the mim command (default: the one beside this Python)')
    return parser.parse_args(argv)


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a number of 1 or more')
    return int(text)


def count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f'{text!r} is not a number of 0 or more')
    return int(text)


def listed(texts: list[str]) -> list[str]:
    """The items of ``0,1 2``."""
    return [item for text in texts for item in text.split(',') if item]


def chosen_configs(args: argparse.Namespace) -> list[str]:
    """The config files given, or those that the filters choose."""
    filters = {axis: getattr(args, axis) for axis in AXES}
    if any(filters.values()):
        if args.configs:
            raise UserError(
                f'{args.configs[0]}: give config files or filters (--benchmark, --method, '
                '--network), not both'
            )
        return select_configs(filters, args.variants)
    if not args.configs:
        raise UserError(
            "nothing chosen: give config files, or filters as --benchmark 'voc_classic_*'; "
            "--benchmark '*' is all of the matrix"
        )
    return args.configs


def planned_runs(args: argparse.Namespace) -> list[Run]:
    seeds = listed(args.seeds)
    if wrong := [seed for seed in seeds if not seed.removeprefix('-').isdecimal()]:
        raise UserError(f'--seeds: {wrong[0]!r} is not a number')
    if not seeds:
        raise UserError('--seeds: no seed given; as 0,1,2')
    return plan_runs(
        chosen_configs(args),
        [int(seed) for seed in seeds],
        args.work_dirs,
        args.cfg_options,
        listed(args.label_seeds),
        args.gpus,
        args.retrain,
    )


def print_commands(runs: list[Run], mim: str, threads: int | None) -> None:
    """Print what would run, as lines a shell can take; what is skipped goes to stderr."""
    left, refused = 0, 0
    for run in runs:
        try:
            todo, why = run.decide()
        except UserError as error:
            refused += 1
            print(f'error: {error}', file=sys.stderr)
            continue
        if why:
            print(f'{run.name}: {why}', file=sys.stderr)
        if todo != 'skip':
            left += 1
            settings = [f'OMP_NUM_THREADS={threads}'] if threads else []
            # mim's --gpus 0 alone leaves MMEngine free to take one
            settings += [] if run.gpus else ['CUDA_VISIBLE_DEVICES=']
            print(*settings, shlex.join(run.command(mim, todo == 'resume')))
    print(
        f'{left} of {len(runs)} runs are left; --executor local or slurm trains them',
        file=sys.stderr,
    )
    if refused:
        sys.exit(1)


def print_table(campaign: Campaign) -> None:
    """Print how each run ended, then a line for each that failed."""
    rows = []
    for run, entry in campaign.entries.items():
        state = RunState.read(run.work_dir) if entry.status == 'done' else None
        seconds = entry.wall_s or (state and state.record.get('wall_s'))
        rows.append(
            {
                'config': run.config.stem,
                'label seed': run.label_seed,
                'seed': run.seed,
                'status': entry.status,
                'mIoU last': state and state.miou('last'),
                'mIoU best': state and state.miou('best'),
                'time': duration(seconds) if seconds else None,
            }
        )
    if all(row['label seed'] is None for row in rows):
        for row in rows:
            del row['label seed']
    print(tabulate(rows, headers='keys', floatfmt='.2f', missingval='-'))
    print(counted([('', row['status']) for row in rows]))
    for run, entry in campaign.entries.items():
        if entry.status == 'failed' or (entry.status == 'queued' and entry.note):
            print(f'{entry.status}: {run.name}: {entry.note} (log: {shown(run.log)})')


def slurm_options(args: argparse.Namespace) -> dict[str, str]:
    for option in args.slurm:
        key, sign, value = option.partition('=')
        if not (key and sign and value) or key.startswith('-'):
            raise UserError(f'--slurm {option!r} is not key=value; e.g. partition=gpu')
    if args.slurm and args.executor != 'slurm':
        raise UserError(f'--slurm is for --executor slurm, not {args.executor}')
    return dict(option.split('=', 1) for option in args.slurm)


def terminated(*_) -> None:
    raise SystemExit(143)


@main_guard
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    # Not resolved: in a virtual environment the executable is a link, and mim lies beside the link.
    mim = args.mim or str(Path(sys.executable).absolute().with_name('mim'))
    if not os.access(mim, os.X_OK):
        raise UserError(
            f'no mim command at {mim}; install the project with this Python: make setup'
        )
    options = slurm_options(args)
    runs = planned_runs(args)
    if args.executor == 'print':
        print_commands(runs, mim, args.threads)
        return
    if args.executor == 'local':
        executor = LocalExecutor(mim, args.jobs, args.threads)
    else:
        executor = SlurmExecutor(
            mim, args.work_dirs, args.jobs, args.threads, args.retries, options
        )
    executor.check(runs)
    check_writable(args.work_dirs)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, terminated)  # an end like Ctrl-C: the runs are ended first
    campaign = Campaign(runs, args.retries)
    try:
        drive(campaign, executor, Progress())
    finally:
        print_table(campaign)
    if campaign.counts['failed']:
        sys.exit(1)


if __name__ == '__main__':
    main()
