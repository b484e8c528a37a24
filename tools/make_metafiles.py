"""Write the metafiles of all methods and model-index.yml, which `mim search mmseg-plugins` reads.

python tools/make_metafiles.py            write them from results/runs.csv
python tools/make_metafiles.py --check    only say what would change; exit 1 if anything would
"""

import argparse
import sys
from pathlib import Path

import light_import  # noqa: F401

from mmseg_plugins.errors import UserError, main_guard
from mmseg_plugins.results.atomic import write_output
from mmseg_plugins.results.cells import cell_table, read_leaves
from mmseg_plugins.results.metafiles import metafiles
from mmseg_plugins.results.published import read_published
from mmseg_plugins.results.table import read_table

ROOT = Path(__file__).resolve().parents[1]


@main_guard
def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('--check', action='store_true', help='write nothing; exit 1 on a difference')
    add('--root', type=Path, default=ROOT, help='with configs/ and results/ (default: %(default)s)')
    args = parser.parse_args()

    results, configs = args.root / 'results', args.root / 'configs'
    if not (results / 'runs.csv').is_file():
        raise UserError(f'{results / "runs.csv"} is missing; run tools/gather_results.py')
    cells = cell_table(
        read_table(results / 'runs.csv'), read_published(results), read_leaves(configs)
    )
    changed = 0
    for name, text in metafiles(cells).items():
        path = args.root / name
        if path.is_file() and path.read_bytes() == text.encode():
            continue
        changed += 1
        print(name)
        if not args.check:
            write_output(path, text)
    if args.check and changed:
        print(f'{changed} files differ: run tools/make_metafiles.py', file=sys.stderr)
    return int(args.check and changed > 0)


if __name__ == '__main__':
    sys.exit(main())
