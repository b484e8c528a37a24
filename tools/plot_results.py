"""Draw the figures of results/figures/ from results/runs.csv and results/curves/."""

import argparse
from pathlib import Path

from mmseg_plugins.errors import UserError, main_guard
from mmseg_plugins.results.plots import plot_all
from mmseg_plugins.results.published import read_published
from mmseg_plugins.results.table import read_table


@main_guard
def main() -> None:
    parser = argparse.ArgumentParser(
        description='Draw, as SVG and PNG: mIoU against the number of labelled images per data set '
        '(ours with standard deviations, published numbers hollow), mIoU against the iteration and '
        'the losses per benchmark. The same input gives the same bytes. Prints the files.',
        epilog='example: python tools/gather_results.py work_dirs && python tools/plot_results.py',
    )
    parser.add_argument(
        '--results', type=Path, default=Path('results'), help='default: %(default)s'
    )
    args = parser.parse_args()
    table = args.results / 'runs.csv'
    if not table.exists():
        raise UserError(f'{table} is missing; run tools/gather_results.py WORK_DIRS first')
    for path in plot_all(read_table(table), read_published(args.results), args.results):
        print(path)


if __name__ == '__main__':
    main()
