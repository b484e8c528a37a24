"""Gather runs into results/runs.csv, results/curves/ and results/leaderboard.md."""

import argparse
import collections
import sys
from pathlib import Path

from mmseg_plugins.errors import main_guard
from mmseg_plugins.results.atomic import write_output
from mmseg_plugins.results.leaderboard import leaderboard, markdown, paired_table, score_table
from mmseg_plugins.results.published import read_published
from mmseg_plugins.results.runs import STATUSES, gather
from mmseg_plugins.results.statistics import one_per_seed, summarise
from mmseg_plugins.results.table import curve_name, read_table, thin, to_csv, upsert

EPILOG = """
example:
  python tools/gather_results.py work_dirs \\
    --paired suponly_deeplabv3plus-r18n_1xb8u0_shapes_12-96

rules:
  - A run is a folder with run.json; vis_data/scalars.json beside it gives the curves.
  - A resumed run (same work dir, config and seed, and its record says resumed_from) is merged into
    one row: first run_id and start, latest status and metrics, best over all, summed wall time.
  - Copies of one run (equal run_id) count once: the one updated last.
  - A run whose run.json or scalars.json is truncated is broken, even where its complete lines would
    do: it is listed on stderr and left out; the others are gathered, and the exit code is 1. A row
    that an earlier gathering wrote for it stays.
  - Rows of runs that are no longer below WORK_DIRS stay in runs.csv; delete the line to forget one.
  - Means are over runs that finished all iterations of their config, the latest per config and
    seed; leaderboard.md lists the others and why they do not count.
"""


def progress(number: int, total: int) -> None:
    """Report on stderr, now and then."""
    if number % 500 == 0 or number == total:
        print(f'read {number} of {total} runs', file=sys.stderr)


@main_guard
def main() -> int:
    parser = argparse.ArgumentParser(
        description='Gather every run below some folders into one table, join it with the '
        'published numbers and print the result.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'work_dirs',
        nargs='+',
        type=Path,
        metavar='WORK_DIRS',
        help='folders with runs at any depth, for example the --work-dirs of tools/launch.py',
    )
    parser.add_argument('--out', type=Path, default=Path('results'), help='default: %(default)s')
    parser.add_argument(
        '--paired',
        action='append',
        default=[],
        metavar='CONFIG',
        help='config stem: add a table of per-seed differences to it (repeatable)',
    )
    args = parser.parse_args()

    found = gather(args.work_dirs, progress)
    runs = upsert(read_table(args.out / 'runs.csv'), found.runs)
    published = read_published(args.out)
    # Everything is made before anything is written.
    known = set(one_per_seed(runs)['config'])
    references = [config for config in args.paired if config in known] or args.paired
    page = leaderboard(runs, published, references)
    paired = [paired_table(runs, config) for config in references]
    curves = {
        args.out / 'curves' / curve_name(run.record['run_id']): to_csv(thin(run.curve))
        for run in found.runs
        if len(run.curve)
    }
    table = score_table(summarise(runs), published, [])
    for path, text in curves.items():
        write_output(path, text)
    write_output(args.out / 'runs.csv', to_csv(runs))
    write_output(args.out / 'leaderboard.md', page)
    for run in found.runs:
        for merged in run.merged[1:]:
            (args.out / 'curves' / curve_name(merged)).unlink(missing_ok=True)

    if len(table):
        table['published'] = table['published'].str.replace(r' \[\d+\]', '', regex=True)
        hidden = ['network', 'Δ best', 'protocol']
        if table['published'].eq('–').all():
            hidden += ['published', 'Δ last']
        print(markdown(table.drop(columns=hidden)))
    else:
        print('no finished run with a score yet')
    for text in paired:
        print(f'\n{text}')
    for config in args.paired:
        if config not in references:
            print(f'note: --paired {config}: no finished run of it, left out', file=sys.stderr)
    for run_id, kept, other in found.duplicates:
        print(f'twice: {run_id}: {kept} counts, {other} does not', file=sys.stderr)
    for path, reason in found.broken:
        print(f'broken: {path} {reason}', file=sys.stderr)
    count = collections.Counter(run.record['status'] for run in found.runs)
    summary = [f'{count[status]} {status}' for status in sorted(STATUSES)]
    print(f'\n{", ".join(summary)}, {len(found.broken)} broken; written to {args.out}')
    return int(bool(found.broken))


if __name__ == '__main__':
    sys.exit(main())
