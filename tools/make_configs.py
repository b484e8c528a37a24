#!/usr/bin/env python
"""Write the leaves of configs/, and their table in its README, from configs/matrix.yml.

Examples:
    python tools/make_configs.py            write them
    python tools/make_configs.py --check    only say what would change; exit 1 if anything would
"""

import argparse
import sys
from pathlib import Path

from mmseg_plugins.errors import main_guard
from mmseg_plugins.matrix import leaf_text, load_matrix, matrix_leaves, readme_table
from mmseg_plugins.results.published import read_published

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'


@main_guard
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--check', action='store_true', help='write nothing; exit 1 on a difference'
    )
    parser.add_argument(
        '--configs', type=Path, default=CONFIGS, help='folder of matrix.yml (default: %(default)s)'
    )
    args = parser.parse_args()

    matrix = load_matrix(args.configs / 'matrix.yml')
    every = list(matrix_leaves(matrix))
    wanted = {args.configs / leaf.name: leaf_text(leaf) for leaf in every}
    readme = args.configs / 'README.md'
    wanted[readme] = readme_table(readme.read_text(), every, read_published())
    folders = {path.parent for path in wanted} - {args.configs}
    present = {path for folder in folders for path in folder.glob('*.py')}
    stale = sorted(present - set(wanted))
    changed = [
        path for path, text in wanted.items() if not path.exists() or path.read_text() != text
    ]
    for path in [*changed, *stale]:
        print(path.relative_to(args.configs))
    if args.check:
        if changed or stale:
            number = len(changed) + len(stale)
            sys.exit(f'{number} files differ from matrix.yml: run tools/make_configs.py')
        return
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path])
    for path in stale:
        path.unlink()
    print(
        f'{len(every)} leaves; {len(changed)} files written, {len(stale)} removed', file=sys.stderr
    )


if __name__ == '__main__':
    main()
