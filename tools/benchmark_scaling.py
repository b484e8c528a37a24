"""Measure and draw how the cost of a CorrMatch step grows with batch, pixels, maps and classes.

    python tools/benchmark_scaling.py configs/corrmatch/LEAF.py --out cost.svg --json cost.json

All points take turns on generated batches, from random weights, in the active state. Step: without
data, optimiser and EMA; overhead: what of it is no network pass. Lines are least squares.
"""

import argparse
import json
import sys
import warnings
from dataclasses import asdict
from pathlib import Path

from mmengine.config import DictAction
from mmengine.logging import MMLogger

from mmseg_plugins.benchmark.device import find_device
from mmseg_plugins.benchmark.out_of_memory import explained
from mmseg_plugins.benchmark.report import surroundings
from mmseg_plugins.benchmark.scaling import draw_scaling, fit_line, measure_scaling
from mmseg_plugins.benchmark.state import STATES
from mmseg_plugins.benchmark.variants import read_leaf
from mmseg_plugins.errors import UserError, main_guard
from mmseg_plugins.results.atomic import write_output
from mmseg_plugins.results.style import check_picture, render


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('config', type=Path, help='a CorrMatch leaf')
    add('--out', type=Path, required=True, metavar='FILE', help='.svg or .png')
    add('--json', type=Path, metavar='FILE', help='the numbers')
    add('--batch', type=int, nargs='+', default=[2, 4, 6, 8], metavar='N', help='of each stream')
    add(
        '--crop', type=int, nargs='+', default=[64, 96, 128, 160], metavar='S', help='(%(default)s)'
    )
    add(
        '--maps', type=int, nargs='+', default=[32, 64, 128, 256], metavar='K', help='(%(default)s)'
    )
    add(
        '--classes',
        type=int,
        nargs='+',
        default=[6, 19, 40, 80],
        metavar='C',
        help='of the network',
    )
    add('--steps', type=int, default=10, help='of each point (default: %(default)s)')
    add('--state', choices=STATES, default='active', help='see benchmark_step.py')
    add('--device', help='cpu, cuda, cuda:1 (default: a GPU where there is one)')
    add('--cfg-options', nargs='+', action=DictAction, default={}, metavar='K=V', help='overrides')
    try:
        args = parser.parse_args(argv)
    except ValueError:  # what DictAction raises
        raise UserError('--cfg-options takes KEY=VALUE pairs; one has no = in it') from None
    if args.steps < 1:
        raise UserError(f'--steps {args.steps}: use at least 1')
    check_picture(args.out)
    return args


@main_guard
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    warnings.simplefilter('ignore')  # the stack's notes on sizes and old options
    MMLogger.get_instance('mmengine', log_level='WARNING')  # and on how it draws weights
    cfg = read_leaf(args.config, args.cfg_options)
    points = dict(batch=args.batch, crop=args.crop, maps=args.maps, classes=args.classes)

    def say(text: str) -> None:
        if sys.stderr.isatty():
            print(f'\r{text:40}', end='', file=sys.stderr, flush=True)

    device = find_device(args.device)
    with explained(max(args.batch), max(args.crop), str(args.config)):
        curves = measure_scaling(cfg, points, args.steps, device, args.state, progress=say)
    where = surroundings(device, str(args.config))
    record = dict(config=str(args.config), steps=args.steps, state=args.state, curves=[], **where)
    for curve in curves:
        lines = {name: fit_line(curve.x, getattr(curve, name)) for name in ('step_ms', 'logic_ms')}
        record['curves'].append(asdict(curve) | {f'{k}_line': asdict(v) for k, v in lines.items()})
        for name, line in lines.items():
            print(
                f'{curve.axis:7} {name:9} {line.offset:9.2f} + {line.slope:.4g} x ms, '
                f'R2 {line.r2:.3f}, exponent {line.exponent:.2f}'
            )
    write_output(args.out, render(draw_scaling(curves, args.config.stem))[args.out.suffix])
    if args.json:
        write_output(args.json, json.dumps(record, indent=1) + '\n')


if __name__ == '__main__':
    main()
