"""Estimate the GPU hours of every leaf of the matrix from its arithmetic; nothing is measured.

    python tools/estimate_gpu_hours.py --tflops 100

Iterations x GPUs x floating point operations of a step's network passes / what a GPU is assumed to
do of them in a second. Validation, start and data are not in it. Markdown on stdout, one line for
each benchmark family, method, network and crop.
"""

import argparse
import warnings
from collections import defaultdict
from pathlib import Path

from mmengine.config import Config
from tabulate import tabulate

from mmseg_plugins.benchmark.arithmetic import step_tflop
from mmseg_plugins.errors import UserError, main_guard
from mmseg_plugins.matrix import load_matrix, matrix_leaves

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
COLUMNS = ('benchmarks', 'method', 'network', 'crop', 'leaves', 'TFLOP a step', 'h a leaf', 'h all')


@main_guard
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--tflops', type=float, default=100.0, help='effective, of a GPU (default: %(default)s)'
    )
    parser.add_argument('--configs', type=Path, default=CONFIGS, help='with matrix.yml')
    args = parser.parse_args(argv)
    if not args.tflops > 0:
        raise UserError(f'--tflops {args.tflops}: a GPU does more than that')
    warnings.simplefilter('ignore')
    print(table(args.configs, args.tflops))


def table(configs: Path, tflops: float) -> str:
    """The leaves in groups, with their hours."""
    groups = defaultdict(list)
    for leaf in matrix_leaves(load_matrix(configs / 'matrix.yml')):
        protocol = leaf.protocol
        family = protocol['benchmark'].rpartition('_')[0]
        keys = ('method', 'network', 'crop', 'labelled_batch', 'unlabelled_batch')
        groups[(family, *(str(protocol[key]) for key in keys))].append(leaf)
    rows, total, known = [], 0.0, {}
    for (family, method, network, crop, *batch), leaves in groups.items():
        key = (method, network, crop, *batch, leaves[0].settings['num_classes'])
        if key not in known:
            known[key] = step_tflop(Config.fromfile(configs / leaves[0].name))
        hours = [
            leaf.protocol['iterations'] * leaf.protocol['gpus'] * known[key] / tflops / 3600
            for leaf in leaves
        ]
        total += sum(hours)
        mean = sum(hours) / len(hours)
        row = (family, method, network, crop, len(leaves), f'{known[key]:.2f}')
        rows.append((*row, f'{mean:.1f}', f'{sum(hours):.0f}'))
    text = tabulate(rows, COLUMNS, tablefmt='github', disable_numparse=True)
    return f'{text}\n\nAll leaves once: {total:.0f} GPU hours at {tflops:g} TFLOP/s.'


if __name__ == '__main__':
    main()
