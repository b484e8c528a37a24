"""Write results/index.html from runs.csv, curves/ and published.csv."""

import argparse
import sys
from pathlib import Path

import light_import  # noqa: F401

from mmseg_plugins.errors import UserError, main_guard
from mmseg_plugins.results.atomic import write_output
from mmseg_plugins.results.cells import cell_table, read_leaves
from mmseg_plugins.results.page import build_page
from mmseg_plugins.results.published import read_published
from mmseg_plugins.results.table import read_table


@main_guard
def main() -> int:
    parser = argparse.ArgumentParser(
        description='Write the leaderboard as one HTML file that opens from disk without a '
        'network: every cell of the matrix with its published number, ours, the command, the runs '
        'and their curves. The same input gives the same bytes. Prints the file.',
        epilog='example: python tools/gather_results.py work_dirs && python tools/make_page.py',
    )
    add = parser.add_argument
    add('--results', type=Path, default=Path('results'), help='default: %(default)s')
    add('--out', type=Path, help='the file to write; default: index.html in the results folder')
    add(
        '--configs',
        type=Path,
        metavar='DIR',
        help='with matrix.yml (default: those of the package)',
    )
    add('--check', action='store_true', help='write nothing, exit 1 if the file would change')
    args = parser.parse_args()

    path = args.results / 'runs.csv'
    if not path.is_file():
        raise UserError(f'{path} is missing; run tools/gather_results.py, or pass --results')
    runs, published = read_table(path), read_published(args.results)
    cells = cell_table(runs, published, read_leaves(args.configs))
    page = build_page(cells, runs, published, args.results / 'curves')
    out = args.out or args.results / 'index.html'
    if not args.check:
        write_output(out, page)
        print(out)
    elif not out.is_file() or out.read_bytes() != page.encode():
        print(f'{out} would change: run tools/make_page.py', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
