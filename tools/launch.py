"""Train configs with several seeds, some at once, with stock `mim train` commands.

    python tools/launch.py configs/cutmix/*shapes_12*.py --seeds 0 1 2 --jobs 2

Each config and seed trains in DIR/<config name>/seed<k>, where train.log takes its output. Finished
runs are skipped, interrupted ones resumed, and a run whose config has changed trains again. A run
that fails does not stop the others: the table at the end gives its reason, and the exit status
is 1. Ctrl-C ends all; the same command then goes on where they stopped.
"""

import argparse
import os
import shlex
import signal
import sys
from pathlib import Path

from tabulate import tabulate

from mmseg_plugins.errors import UserError, main_guard
from mmseg_plugins.launch import LocalExecutor, Outcome, Run, plan_runs
from mmseg_plugins.launch.progress import duration
from mmseg_plugins.launch.run import shown


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('configs', nargs='+', metavar='CONFIG', help='config files')
    add('--seeds', nargs='+', type=int, default=[0], metavar='K', help='seeds (default: 0)')
    add('--work-dirs', default='work_dirs', metavar='DIR', help='default: %(default)s')
    add('--jobs', type=positive, default=1, metavar='N', help='runs at once (default: 1)')
    add('--gpus', type=count, default=0, metavar='N', help='GPUs of each run (default: 0, the CPU)')
    add('--threads', type=positive, metavar='N', help='CPU threads of each (default: cores / jobs)')
    add('--cfg-options', nargs='+', default=[], metavar='K=V', help='overrides for every run')
    add('--dry-run', action='store_true', help='print the commands that are left to run, and stop')
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


def print_commands(runs: list[Run], executor: LocalExecutor) -> None:
    """Print what would run, as lines a shell can take; what is skipped goes to stderr."""
    for run in runs:
        todo, why = run.decide()
        if why:
            print(f'{run.name}: {why}', file=sys.stderr)
        if todo != 'skip':
            settings = [f'{key}={value}' for key, value in executor.environment().items()]
            command = run.command(executor.mim, executor.gpus, todo == 'resume')
            print(*settings, shlex.join(command))


def print_table(outcomes: list[Outcome]) -> None:
    """Print how the runs ended, then a line for each that failed."""
    rows = [
        {
            'config': outcome.run.config.stem,
            'seed': outcome.run.seed,
            'status': outcome.status,
            'mIoU last': outcome.miou('last'),
            'mIoU best': outcome.miou('best'),
            'time': '' if outcome.wall_s is None else duration(outcome.wall_s),
        }
        for outcome in outcomes
    ]
    print(tabulate(rows, headers='keys', floatfmt='.2f', missingval='-'))
    for outcome in outcomes:
        if outcome.status == 'failed':
            print(f'failed: {outcome.run.name}: {outcome.reason} (log: {shown(outcome.run.log)})')


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
    runs = plan_runs(args.configs, args.seeds, args.work_dirs, args.cfg_options)
    executor = LocalExecutor(mim, args.jobs, args.gpus, args.threads)
    if args.dry_run:
        print_commands(runs, executor)
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, terminated)  # an end like Ctrl-C: the runs are ended first
    outcomes = executor.run(runs)
    print_table(outcomes)
    if any(outcome.status == 'failed' for outcome in outcomes):
        sys.exit(1)


if __name__ == '__main__':
    main()
