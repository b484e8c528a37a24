"""Prepare data below the data root: images, masks, split lists, weights; or check what is there."""

import argparse
import os
from pathlib import Path

from mmseg_plugins.datasets.prepare import (
    ade20k,
    camvid,
    cityscapes,
    nuscenes,
    scans,
    scribblekitti,
    semantickitti,
    shapes,
    split_lists,
    store,
    voc12,
    weights,
)
from mmseg_plugins.errors import UserError, main_guard
from mmseg_plugins.matrix import load_matrix, matrix_leaves
from mmseg_plugins.results.commands import cell_command

# One subcommand is one module with HELP, EXAMPLE, NAME, BENCHMARK, add_arguments and run; with
# check where the manifest in <out>/<NAME> is not all there is to compare.
COMMANDS = (
    *(shapes, scans, camvid, voc12, cityscapes, ade20k, semantickitti, scribblekitti, nuscenes),
    *(split_lists, weights),
)


def parse_args(argv=None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='example: ' + '; '.join(module.EXAMPLE for module in COMMANDS),
    )
    commands = parser.add_subparsers(required=True, metavar='DATASET')
    for module in COMMANDS:
        command = commands.add_parser(
            module.NAME,
            help=module.HELP,
            description=module.__doc__,
            epilog=f'example: {module.EXAMPLE}',
        )
        command.add_argument('--out', type=Path, default=Path('data'), help='data root (data)')
        command.add_argument('--force', action='store_true', help='replace what is there')
        command.add_argument(
            '--check',
            action='store_true',
            help='compare what is there with what is recorded, write nothing',
        )
        module.add_arguments(command)
        command.set_defaults(module=module)
    return parser.parse_args(argv)


def next_command(benchmark: str) -> str:
    """The command that trains CorrMatch, else CutMix, on a benchmark; a tiny one on the CPU."""
    configs = Path(__file__).resolve().parents[1] / 'configs'
    leaves = {
        leaf.protocol['method']: leaf
        for leaf in matrix_leaves(load_matrix(configs / 'matrix.yml'))
        if leaf.protocol['benchmark'] == benchmark and leaf.protocol['primary']
    }
    leaf = leaves.get('corrmatch') or leaves['cutmix']
    path = os.path.relpath(configs / leaf.name)
    return cell_command(path, 0 if leaf.settings['memory'] == 'CPU' else leaf.protocol['gpus'])


def print_table(rows: list) -> None:
    """Print rows of a path, a count, its unit, and perhaps a state."""
    width = max(len(row[0]) for row in rows)
    for path, count, *words in rows:
        print(f'  {path:<{width}}  {count:>5} {" ".join(words)}')


@main_guard
def main(argv=None) -> None:
    """Run the subcommand and print what there is now."""
    args = parse_args(argv)
    name = args.module.NAME
    if args.check:
        rows = (
            args.module.check(args)
            if hasattr(args.module, 'check')
            else store.check(args.out, name)
        )
        print_table(rows)
        bad = [row for row in rows if row[3] != 'ok']
        if bad:
            more = f' (and {len(bad) - 1} more)' if len(bad) > 1 else ''
            raise UserError(
                f'{bad[0][0]}: {bad[0][3]}{more}; run `{args.module.EXAMPLE}`, with --force to '
                'replace what has changed'
            )
        print('everything is as recorded')
        return
    written = args.module.run(args)
    print(f'{args.out / name}: ' + ('written' if written else 'already there, left alone'))
    if not hasattr(args.module, 'check'):
        print_table(store.summary(args.out, name))
    if args.module.BENCHMARK:
        print(f'next: {next_command(args.module.BENCHMARK)}')


if __name__ == '__main__':
    main()
