"""Gather runs into results/runs.csv, results/curves/ and the leaderboard beside them."""

import argparse
import json
import sys
from pathlib import Path

import light_import  # noqa: F401

from mmseg_plugins.errors import main_guard
from mmseg_plugins.results.atomic import write_output
from mmseg_plugins.results.cells import MEASURED, cell_table, read_leaves
from mmseg_plugins.results.gather_cache import GatherCache
from mmseg_plugins.results.leaderboard import paired_table, terminal_table
from mmseg_plugins.results.outputs import leaderboard_files
from mmseg_plugins.results.printable import printable
from mmseg_plugins.results.published import read_published
from mmseg_plugins.results.runs import Gathered, gather
from mmseg_plugins.results.selection import FILTERS, as_json, parse_since, select, summary
from mmseg_plugins.results.statistics import judge, one_per_seed
from mmseg_plugins.results.table import curve_name, read_table, split_claims, to_csv, upsert

EPILOG = """
examples:
  python tools/gather_results.py work_dirs \\
    --paired suponly_deeplabv3plus-r18n_1xb8u0_shapes_12-96
  python tools/gather_results.py work_dirs /mnt/cluster --method corrmatch --cell 'voc_*' --json

rules:
  - A run is a folder with run.json; vis_data/scalars.json beside it gives the curves. A work dir of
    MMEngine without run.json counts too where its dumped config has a protocol and it has logged a
    training iteration; the config is read as data, never executed.
  - A resumed run (same work dir, config and seed, and its record says resumed_from) is merged into
    one row: first run_id and start, latest status and metrics, best over all, summed wall time.
  - A run that says running and has not been updated for 15 minutes (or five of its heartbeats, if
    that is longer) is stale.
  - Copies of one run (equal run_id, config, seed and start) count once: the one updated last. Of
    different runs with one run_id the one started first has it; the others are broken.
  - A broken run (run.json truncated, newer, out of range or contradicting its data) is listed on
    stderr and left out; a row that an earlier gathering wrote for it stays. Where only scalars.json
    is broken the row is taken, the curve is not. Either way the exit code is 1 and the others are
    gathered. The half line that a killed process leaves is no fault.
  - Rows of runs that are no longer below WORK_DIRS stay in runs.csv; delete the line to forget one.
  - Means are over runs that finished all iterations of their config, the latest per config and
    seed; leaderboard.md lists the others and why they do not count.
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Gather every run below some folders into one table, join it with the '
        'published numbers and print the result.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        'work_dirs',
        nargs='+',
        type=Path,
        metavar='WORK_DIRS',
        help='folders with runs at any depth, for example the --work-dirs of tools/launch.py',
    )
    add('--out', type=Path, default=Path('results'), help='default: %(default)s')
    add(
        '--paired',
        action='append',
        default=[],
        metavar='CONFIG',
        help='config stem: add a table of per-seed differences to it (repeatable)',
    )
    for name in FILTERS:
        add(
            f'--{name}',
            action='append',
            default=[],
            metavar='PATTERN',
            help=f'take only runs whose {name} matches, * and ? allowed (repeatable: any of them)',
        )
    add('--since', metavar='DATE', help='take only runs updated since, as 2026-01-31 (UTC)')
    add(
        '--stale-after',
        type=float,
        default=15,
        metavar='MINUTES',
        help='silence after which a run that says running is stale (default: %(default)g)',
    )
    add('--json', action='store_true', help='print what was found as JSON instead of the table')
    return parser.parse_args()


def progress(number: int, total: int) -> None:
    """Report on stderr, now and then."""
    if number % 500 == 0 or number == total:
        print(f'read {number} of {total} runs', file=sys.stderr)


def report(found: Gathered) -> None:
    """Tell on stderr, one line each, what is not as it should be."""

    def say(line: str) -> None:
        print(printable(line), file=sys.stderr)

    for run_id, kept, other in found.duplicates:
        say(f'twice: {run_id}: {kept} counts, {other} does not')
    for folder in found.unkeyed:
        say(f'unkeyed: {folder} is a training whose config has no protocol, left out')
    for path, reason in found.broken:
        say(f'broken: {path} {reason}')


def write_curves(found: Gathered, folder: Path, cache: GatherCache) -> None:
    """Write the thinned curve of each run that logged something."""
    for run in found.runs:
        path = folder / curve_name(run.record['run_id'])
        if run.problem or cache.is_written(run, path):
            continue
        if len(run.points) and not run.points.problem:  # it may have changed since it was checked
            # Ten thousand flushes would take a minute; a curve can be made again.
            write_output(path, run.points.thinned_csv(), durable=False)
            cache.wrote(run, path)


def print_tables(runs, published, references: list[str]) -> None:
    """The scores and the paired differences, for the terminal."""
    cells = cell_table(runs, published, None)
    if (cells['status'] == MEASURED).any():
        print(printable(terminal_table(cells), '\n'))
    else:
        print('no finished run with a score yet')
    for config in references:
        print(printable(f'\n{paired_table(runs, config)}', '\n'))


@main_guard
def main() -> int:
    sys.stdout.reconfigure(errors='backslashreplace')  # a terminal may not know all characters
    args = parse_args()
    since = parse_since(args.since)
    cache = GatherCache(args.out / '.gathered.json')
    before = read_table(args.out / 'runs.csv')
    found = gather(args.work_dirs, progress, stale_after_s=60 * args.stale_after, cache=cache)
    found.runs, claims = split_claims(before, found.runs)
    found.broken += claims
    patterns = {name: getattr(args, name) for name in FILTERS}
    filtered = since is not None or any(patterns.values())
    found.runs = select(found.runs, patterns, since)
    runs = upsert(before, found.runs)
    published = read_published(args.out)
    # Everything is made before anything is written.
    judged = judge(runs)
    known = set(one_per_seed(judged)['config'])
    references = [config for config in args.paired if config in known] or args.paired
    pages = leaderboard_files(judged, published, read_leaves(), references)
    write_curves(found, args.out / 'curves', cache)
    write_output(args.out / 'runs.csv', to_csv(runs))
    for name, text in pages.items():
        write_output(args.out / name, text)
    for run in found.runs:
        for merged in run.merged[1:]:
            (args.out / 'curves' / curve_name(merged)).unlink(missing_ok=True)
    cache.save()

    if args.json:
        print(json.dumps(as_json(found), indent=1))
    else:
        shown = judged[judged['run_id'].isin(run.record['run_id'] for run in found.runs)]
        print_tables(shown if filtered else judged, published, references)
    for config in args.paired:
        if config not in references:
            print(f'note: --paired {config}: no finished run of it, left out', file=sys.stderr)
    report(found)
    closing = ', '.join(f'{count} {what}' for what, count in summary(found).items())
    print(f'\n{closing}; written to {args.out}', file=sys.stderr if args.json else sys.stdout)
    return int(bool(found.broken))


if __name__ == '__main__':
    sys.exit(main())
