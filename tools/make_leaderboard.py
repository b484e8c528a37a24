"""Build the leaderboard from results/runs.csv: Markdown, LaTeX, CSV; or verify its numbers."""

import argparse
import sys
from pathlib import Path

import light_import  # noqa: F401

from mmseg_plugins.errors import UserError, main_guard
from mmseg_plugins.results.atomic import write_output
from mmseg_plugins.results.cells import cell_table, read_leaves
from mmseg_plugins.results.outputs import leaderboard_files
from mmseg_plugins.results.published import read_published
from mmseg_plugins.results.table import read_table
from mmseg_plugins.results.verify import verify

EPILOG = """
examples:
  python tools/make_leaderboard.py              # results/leaderboard.{md,tex,csv}
  python tools/make_leaderboard.py --check      # exit 1 if one of them would change
  python tools/make_leaderboard.py --verify     # exit 1 if a measured cell is out of tolerance

rules:
  - A cell is out of tolerance when our mean, by the paper's own selection of the checkpoint, lies
    further from the published number than 0.6 points from 366 labels on, and 1.2 more for each
    halving below. results/README.md has the evidence.
  - Cells whose protocol differs from the published one, that have no published number, or whose
    published list is only presumed are listed and do not count.
"""


@main_guard
def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('--results', type=Path, default=Path('results'), help='default: %(default)s')
    add(
        '--paired',
        action='append',
        metavar='CONFIG',
        help='config stem (repeatable): paired differences to it, beside those to the SupOnly '
        'configs of the matrix that stand beside another method',
    )
    add(
        '--configs',
        type=Path,
        metavar='DIR',
        help='with matrix.yml (default: those of the package)',
    )
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument('--check', action='store_true', help='write nothing, say what would change')
    modes.add_argument('--verify', action='store_true', help='write nothing, print every verdict')
    args = parser.parse_args()

    path = args.results / 'runs.csv'
    if not path.is_file():
        raise UserError(f'{path} is missing; run tools/gather_results.py, or pass --results')
    runs = read_table(path)
    published, leaves = read_published(args.results), read_leaves(args.configs)
    if args.verify:
        text, failed = verify(cell_table(runs, published, leaves))
        print(text)
        return int(failed)
    changed = 0
    for name, text in leaderboard_files(runs, published, leaves, args.paired or ()).items():
        path = args.results / name
        if not args.check:
            write_output(path, text)
            print(path)
        elif not path.is_file() or path.read_bytes() != text.encode():
            changed += 1
            print(f'{path} would change: run tools/make_leaderboard.py', file=sys.stderr)
    return int(changed > 0)


if __name__ == '__main__':
    sys.exit(main())
