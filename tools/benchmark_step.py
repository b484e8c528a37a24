"""Measure what a training step costs: time by part, memory, waits, distance to the floor.

    python tools/benchmark_step.py configs/corrmatch/LEAF.py
    python tools/benchmark_step.py configs/corrmatch/LEAF.py --compare plain channels-last
    python tools/benchmark_step.py LEAF.py --batch 2 --crop 161 --state idle --json step.json

A step is the training's own: data preprocessor, forward, losses, backward, optimiser, teacher. It
runs on a seeded batch of generated pictures of the leaf's shapes, so that no data set is needed,
from random weights and with a learning rate of 0, so that every step is the same. `overhead` is
what is no network pass (maps, pseudo label, losses, and what has no name) over the network passes
(forwards and backward), the median over steps; data, optimiser and EMA are shown apart. Beside each
step the bare passes run: the same forwards and a backward from ready gradients.

--compare runs further variants of the same batch in turn with the first and prints ratios: other
leaves, or changes of the first one, joined by + as in plain+bf16: plain (CorrMatch transcribed from
its definition), channels-last, bf16.
"""

import argparse
import itertools
import json
import sys
import warnings
from pathlib import Path

import torch
from mmengine.config import DictAction
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmseg_plugins.benchmark.device import find_device
from mmseg_plugins.benchmark.made_batch import batch_signature, made_batch
from mmseg_plugins.benchmark.measurement import measure
from mmseg_plugins.benchmark.out_of_memory import explained
from mmseg_plugins.benchmark.report import ratios, record_of, surroundings, table_of
from mmseg_plugins.benchmark.state import STATES, passing, set_state
from mmseg_plugins.benchmark.variants import build, fit_size, read_leaf, split_name
from mmseg_plugins.errors import UserError, main_guard
from mmseg_plugins.results.atomic import write_output


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('config', nargs='+', help='leaves; several are measured one after the other')
    add('--compare', nargs='+', default=[], metavar='VARIANT', help='leaves or changes, see above')
    add('--steps', type=int, default=20, help='timed steps of each (default: %(default)s)')
    add('--warmup', type=int, default=3, help='steps before them (default: %(default)s)')
    add('--batch', type=int, metavar='N', help="images of each stream (default: the leaf's)")
    add('--crop', type=int, metavar='S', help="side in pixels (default: the leaf's)")
    add(
        '--state', choices=STATES, help='scale the classifier until half of the maps, or none, pass'
    )
    add('--device', help='cpu, cuda, cuda:1 (default: a GPU where there is one)')
    add('--seed', type=int, default=0, help='of weights, batch and draws (default: %(default)s)')
    add('--data', action='store_true', help="the leaf's own loader and data instead")
    add('--no-bare', action='store_true', help='leave the bare passes out')
    add('--json', type=Path, metavar='FILE', help='write the record there; - for stdout')
    add('--cfg-options', nargs='+', action=DictAction, default={}, metavar='K=V', help='overrides')
    try:
        args = parser.parse_args(argv)
    except ValueError:  # what DictAction raises
        raise UserError('--cfg-options takes KEY=VALUE pairs; one has no = in it') from None
    for name, least in dict(steps=1, warmup=0, batch=1, crop=1).items():
        value = getattr(args, name)
        if value is not None and value < least:
            raise UserError(f'--{name} {value}: use at least {least}')
    if args.data and (args.batch or args.crop):
        raise UserError('--batch and --crop shape the generated batch; leave them out with --data')
    if len(args.config) > 1 and args.compare:
        raise UserError('--compare takes one config and its variants; name the others after it')
    return args


def batches_of(cfg, args: argparse.Namespace):
    """What a step takes from, and a first batch to look at."""
    size = fit_size(cfg, (args.crop, args.crop) if args.crop else None)
    if not args.data:
        batch = made_batch(cfg, size, args.batch, args.seed)
        return itertools.repeat(batch), batch
    init_default_scope('mmseg')
    # pinned as AccumulatingTrainLoop has it
    loader = {'pin_memory': torch.cuda.is_available(), **cfg.train_dataloader}
    loader = Runner.build_dataloader(loader, seed=args.seed)
    return iter(loader), next(iter(loader))


def variants(path: str, args: argparse.Namespace) -> list:
    """The trials of a config and of what it is compared with, and a batch of the first."""
    first = read_leaf(path, args.cfg_options)
    trials, seen = [], None
    for name in ['', *args.compare]:
        is_file = name.endswith('.py')
        cfg = read_leaf(name, args.cfg_options) if is_file else first
        changes = [] if is_file or not name else split_name(name)
        stream, batch = batches_of(cfg, args)
        signature = batch_signature(batch)
        if seen is not None and signature != seen[0]:
            raise UserError(
                f'--compare {name}: it does not see the batch of {path}: '
                f'{difference(seen[0], signature)}; compare leaves of one benchmark, batch and crop'
            )
        seen = seen or (signature, batch)
        title = Path(name).stem if is_file else name or Path(path).stem
        device = find_device(args.device)
        trials.append(build(cfg, title, stream, device, args.seed, changes))
    return [trials, seen[1]]


def difference(first: dict, other: dict) -> str:
    if first.keys() != other.keys():
        return f'views {sorted(other)} instead of {sorted(first)}'
    view = next(view for view in first if first[view] != other[view])
    shapes = [[shape for shape, *_ in images[view]] for images in (first, other)]
    if shapes[0] != shapes[1]:
        return f'{view} has {_shapes(shapes[1])} instead of {_shapes(shapes[0])}'
    pixels = [[pixels for _, pixels, _ in images[view]] for images in (first, other)]
    return f'other {"labels" if pixels[0] == pixels[1] else "pixels"} in {view}'


def _shapes(shapes: list) -> str:
    return f'{len(shapes)} images of {"x".join(map(str, shapes[0][1:]))}' if shapes else 'no image'


def run(path: str, args: argparse.Namespace) -> dict:
    with explained(args.batch, args.crop, path):
        trials, batch = variants(path, args)
    say = print if sys.stderr.isatty() else lambda *a, **k: None
    with explained(args.batch, args.crop, path, trials):
        shares = [
            set_state(trial, args.state) if args.state else passing(trial) for trial in trials
        ]
        found = measure(
            trials,
            args.steps,
            args.warmup,
            not args.no_bare,
            progress=lambda text: say(f'\r{text:60}', end='', file=sys.stderr, flush=True),
        )
    say('\r' + 60 * ' ' + '\r', end='', file=sys.stderr)
    if args.state:
        check_states(trials, args.state)
    images = batch['inputs']
    num = len(next(iter(images.values()))) if isinstance(images, dict) else len(images)
    records = [
        record_of(*both, num, share) for *both, share in zip(trials, found, shares, strict=True)
    ]
    others = zip(records[1:], found[1:], strict=True)
    return dict(
        config=path,
        state=args.state,
        seed=args.seed,
        steps=args.steps,
        warmup=args.warmup,
        data='loader' if args.data else 'generated',
        batch={
            view: [list(shape) for shape, *_ in of] for view, of in batch_signature(batch).items()
        },
        **records[0],
        variants=records[1:],
        ratios=[ratios((records[0], found[0]), other) for other in others],
        **surroundings(trials[0].device, path),
    )


def check_states(trials: list, state: str) -> None:
    for trial in trials:
        share = passing(trial)
        if share < 0.5 if state == 'active' else share > 0:
            print(
                f'warning: {trial.name}: at the end {share:.0%} pass the gate, it did not stay '
                f'{state}',
                file=sys.stderr,
            )


def show(record: dict) -> None:
    for one in (record, *record['variants']):
        print(table_of(one), end='\n\n')
    for ratio in record['ratios']:
        values = (f'{k} {v:.2f}' for k, v in ratio.items() if k != 'name' and v is not None)
        print(f'{ratio["name"]} by {record["name"]}: ' + ', '.join(values))
    print(
        f'medians of {record["steps"]} steps; {record["device"]}, {record["threads"]} threads, '
        f'load {record["load"]:.1f}'
    )


@main_guard
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    warnings.simplefilter('ignore')  # the stack's notes on sizes and old options
    MMLogger.get_instance('mmengine', log_level='WARNING')  # and on how it draws weights
    records = []
    for path in args.config:
        records.append(run(path, args))
        if args.json != Path('-'):
            show(records[-1])
    text = json.dumps(records[0] if len(records) == 1 else records, indent=1) + '\n'
    if args.json == Path('-'):
        print(text, end='')
    elif args.json:
        write_output(args.json, text)


if __name__ == '__main__':
    main()
