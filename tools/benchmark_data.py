#!/usr/bin/env python
"""Measure the data path of a leaf: images per second and core, stream by stream.

    python tools/benchmark_data.py configs/corrmatch/LEAF.py --step-ms 300
    python tools/benchmark_data.py configs/corrmatch/LEAF.py --data --workers 4 --json

Without --data the leaf reads generated pictures of the true size and format of its data set, so
that none is needed. With --step-ms it says how many images a training step of that length eats,
and how many cores prepare them.
"""

import argparse
import json
import os
import sys
import tempfile
import warnings
from pathlib import Path

import cv2
import torch
from mmengine.config import Config, DictAction

from mmseg_plugins.benchmark.data_throughput import against_step, measure_loader, measure_streams
from mmseg_plugins.benchmark.stand_in_data import SIZES, stand_in
from mmseg_plugins.errors import UserError, main_guard
from mmseg_plugins.results.environment import device_name, versions


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('config', type=Path, help='a leaf')
    add('--data', action='store_true', help="read the leaf's data set instead of generated files")
    add('--step-ms', type=float, metavar='MS', help='length of a training step that is fed')
    add('--workers', type=int, default=0, metavar='N', help='also time the loader with N processes')
    add(
        '--draws', type=int, default=40, metavar='N', help='samples a repeat (default: %(default)s)'
    )
    add('--repeats', type=int, default=5, metavar='N', help='repeats (default: %(default)s)')
    add('--json', action='store_true', help='one JSON object instead of a table')
    add('--cfg-options', nargs='+', action=DictAction, default={}, metavar='K=V', help='overrides')
    try:
        args = parser.parse_args(argv)
    except ValueError:  # what DictAction raises
        raise UserError('--cfg-options takes KEY=VALUE pairs; one has no = in it') from None
    for name, least in (('draws', 1), ('repeats', 1), ('workers', 0)):
        if getattr(args, name) < least:
            raise UserError(f'--{name} {getattr(args, name)}: give {least} or more')
    if args.step_ms is not None and not args.step_ms > 0:
        raise UserError(f'--step-ms {args.step_ms:g}: a step takes more than 0 ms')
    return args


def measure(args: argparse.Namespace, folder: Path) -> dict:
    """All that is measured of a leaf, ready for JSON."""
    if not args.config.is_file():
        raise UserError(f'{args.config} is no file; name a leaf of configs/')
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options)
    sampler = cfg.get('train_dataloader', {}).get('sampler', {})
    if 'source_ratio' not in sampler:
        raise UserError(f'{args.config} has no streams to measure; name a leaf of configs/')
    if not args.data:
        stand_in(cfg, folder)
    # a worker of a run has one core
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    streams = measure_streams(cfg, args.draws, args.repeats)
    found = dict(config=args.config.stem, data='own' if args.data else 'generated')
    found.update(streams=streams, **against_step(streams, args.step_ms))
    if args.workers:
        found.update(workers=args.workers, loader_images_per_s=measure_loader(cfg, args.workers))
    found.update(device=device_name(torch.device('cpu')), load=os.getloadavg()[0])
    return dict(found, versions=versions())


def table(found: dict) -> str:
    """The same for a person."""
    lines = [f'{found["config"]} ({found["data"]} files), {found["device"]}', '']
    for stream in found['streams']:
        low, high = stream['spread']
        views = ', '.join(stream['views'])
        lines.append(
            f'{stream["source"]} ({views}): {1000 / stream["ms"]:.1f} images/s and core, '
            f'{stream["ms"]:.2f} ms ({low:.2f} to {high:.2f}; with waiting {stream["wall_ms"]:.2f})'
        )
        lines += [f'    {ms:7.2f} ms  {name}' for name, ms in stream['transforms'].items()]
    lines += [
        '',
        f'a batch of {found["batch"]}: {found["batch_ms"]:.1f} ms of one core, '
        f'{found["images_per_s"]:.1f} images/s and core',
    ]
    if 'step_ms' in found:
        lines.append(
            f'a step of {found["step_ms"]:g} ms needs {found["needed_images_per_s"]:.1f} images/s: '
            f'{found["cores"]} cores'
        )
    if 'workers' in found:
        lines.append(
            f'the loader with {found["workers"]} processes: '
            f'{found["loader_images_per_s"]:.1f} images/s'
        )
    return '\n'.join(lines)


@main_guard
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    warnings.simplefilter('ignore')  # the stack's notes on old options
    with tempfile.TemporaryDirectory() as folder:
        if not args.data:
            print(
                f'generated pictures; true sizes are known of {", ".join(SIZES)}', file=sys.stderr
            )
        found = measure(args, Path(folder))
    print(json.dumps(found) if args.json else table(found))


if __name__ == '__main__':
    main()
