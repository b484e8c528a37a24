"""Prepare a data set below the data root: images, masks, split lists and a manifest."""

import argparse
from pathlib import Path

from mmseg_plugins.datasets.prepare import camvid, shapes, store
from mmseg_plugins.errors import main_guard

# One subcommand is one module with HELP, EXAMPLE, NAME, BENCHMARK, add_arguments and run.
COMMANDS = (shapes, camvid)


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
        command.add_argument('--seed', type=int, default=0, help='seed of what is drawn (0)')
        command.add_argument('--force', action='store_true', help='replace what is there')
        command.add_argument(
            '--check',
            action='store_true',
            help='compare the files with the manifest, write nothing',
        )
        module.add_arguments(command)
        command.set_defaults(module=module)
    return parser.parse_args(argv)


def next_command(benchmark: str) -> str:
    """The command that trains on a benchmark, with a leaf that exists where there is one."""
    root = Path(__file__).resolve().parents[1]
    leaves = sorted(root.glob(f'configs/*/*_{benchmark}-*.py'))
    leaf = leaves[0].relative_to(root) if leaves else f'configs/METHOD/LEAF_{benchmark}-CROP.py'
    return f'mim train mmseg {leaf} --gpus 0'


@main_guard
def main(argv=None) -> None:
    """Run the subcommand and print what there is now."""
    args = parse_args(argv)
    name = args.module.NAME
    if args.check:
        count = store.verify(args.out, name)
        print(f'{args.out / name}: all {count} files are as the manifest says')
        return
    written = args.module.run(args)
    rows = store.summary(args.out, name)
    print(f'{args.out / name}: ' + ('written' if written else 'already there, left alone'))
    width = max(len(path) for path, _, _ in rows)
    for path, count, unit in rows:
        print(f'  {path:<{width}}  {count:>5} {unit}')
    print(f'next: {next_command(args.module.BENCHMARK)}')


if __name__ == '__main__':
    main()
