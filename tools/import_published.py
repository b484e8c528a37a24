"""Import a table of published numbers as results/published.csv."""

import argparse
from pathlib import Path

import light_import  # noqa: F401

from mmseg_plugins.errors import main_guard
from mmseg_plugins.results.atomic import write_output
from mmseg_plugins.results.published import import_published
from mmseg_plugins.results.table import to_csv


@main_guard
def main() -> None:
    parser = argparse.ArgumentParser(
        description='Import published numbers: leave out those given from memory and assign a cell '
        '(<benchmark>/<method>/<network>) to every row of a method, network and benchmark that the '
        'project has. The order of the rows is kept.',
        epilog='example: python tools/import_published.py ../shared/published/published.csv',
    )
    parser.add_argument('source', type=Path, help='the table, a CSV file')
    parser.add_argument(
        '--out', type=Path, default=Path('results/published.csv'), help='default: %(default)s'
    )
    args = parser.parse_args()
    table = import_published(args.source)
    write_output(args.out, to_csv(table))
    cells = table.loc[table['cell'] != '', 'cell']
    print(f'{args.out}: {len(table)} rows, {len(cells)} with a cell, {cells.nunique()} cells')


if __name__ == '__main__':
    main()
