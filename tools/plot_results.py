"""Draw the figures of results/figures/ from results/runs.csv and results/curves/."""

import argparse
import sys
from pathlib import Path

import light_import  # noqa: F401

from mmseg_plugins.errors import UserError, main_guard
from mmseg_plugins.results.atomic import write_output
from mmseg_plugins.results.cells import read_leaves
from mmseg_plugins.results.plots import draw_all
from mmseg_plugins.results.published import read_published
from mmseg_plugins.results.style import check_picture, drawing, render
from mmseg_plugins.results.table import read_table
from mmseg_plugins.results.training_plots import chosen_runs


@main_guard
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description='Draw, as SVG and PNG: mIoU against the number of labelled images per data set '
        '(ours with standard deviations, published numbers hollow), ours against the published '
        'numbers with the tolerance, and per benchmark the IoU of each class, mIoU and losses '
        'against the iteration. The same input gives the same bytes. Prints the files.',
        epilog='example: python tools/gather_results.py work_dirs && python tools/plot_results.py',
    )
    add = parser.add_argument
    add('--results', type=Path, default=Path('results'), help='default: %(default)s')
    add(
        '--curves',
        nargs='+',
        metavar='RUN',
        help='instead, one figure with the training curves of these configs or run ids (* and ? '
        'as in a shell), also of runs that failed or still run',
    )
    add('--per-run', action='store_true', help='with --curves: a line per run, not per config')
    add(
        '--out',
        type=Path,
        metavar='FILE',
        help='with --curves: .png or .svg (default: curves.png)',
    )
    args = parser.parse_args(argv)
    if not args.curves and (args.per_run or args.out):
        raise UserError('--per-run and --out go with --curves RUN ...; the others have their names')
    table = args.results / 'runs.csv'
    if not table.exists():
        raise UserError(f'{table} is missing; run tools/gather_results.py WORK_DIRS first')
    runs = read_table(table)
    if args.curves:
        out = check_picture(args.out or Path('curves.png'))
        with drawing():
            figure = chosen_runs(runs, args.curves, args.results / 'curves', args.per_run)
            write_output(out, render(figure, [out.suffix])[out.suffix])
        print(out)
        return
    files, notes = draw_all(runs, read_published(args.results), read_leaves(), args.results)
    for path, content in files.items():
        write_output(path, content)
        print(path)
    for note in notes:
        print(f'note: {note}', file=sys.stderr)


if __name__ == '__main__':
    main()
