"""Run folders as a training leaves them, and the tools that read them."""

import json
import runpy
import sys

import pytest

CLASSES = ('disc', 'box')


@pytest.fixture
def make_run():
    return write_run


@pytest.fixture
def call(root, monkeypatch, capsys):
    """A tool as a user calls it, in this process: its exit code, stdout and stderr."""

    def run(name, *args):
        monkeypatch.syspath_prepend(root / 'tools')
        monkeypatch.setattr(sys, 'argv', [name, *map(str, args)])
        code = 0
        try:
            runpy.run_path(str(root / 'tools' / f'{name}.py'), run_name='__main__')
        except SystemExit as error:
            code = error.code
        return code, *capsys.readouterr()

    return run


def write_run(
    work_dir,
    miou=(40.0, 50.0),
    config='suponly_net_1xb4_shapes_12-96',
    method='suponly',
    benchmark='shapes_12',
    labelled=12,
    seed=0,
    started='2001-01-01T00:00:00Z',
    interval=100,
    start=0,
    protocol=(),
    **changes,
):
    """Write one run folder; ``miou`` are its validations, every ``interval`` iterations.

    Returns:
        Path: The folder of ``run.json``.
    """
    folder = work_dir / started.translate({ord(c): None for c in '-:Z'}).replace('T', '_')
    (folder / 'vis_data').mkdir(parents=True, exist_ok=True)
    lines, results = [], []
    for number, value in enumerate(miou, 1):
        step = start + number * interval
        lines.append({'lr': 0.01, 'loss': 100 / step, 'time': 0.1, 'iter': step, 'step': step})
        per_class = {name: value for name in CLASSES}
        lines.append({'mIoU': value, **{f'IoU.{n}': v for n, v in per_class.items()}, 'step': step})
        results.append({'iter': step, 'mIoU': value, 'iou_per_class': per_class})
    (folder / 'vis_data' / 'scalars.json').write_text(
        ''.join(json.dumps(line) + '\n' for line in lines)
    )
    cell = f'{benchmark}/{method}/net'
    record = {
        'schema': 1,
        'run_id': f'{config}-seed{seed}-{folder.name}',
        'config': config,
        'cell': cell,
        'protocol': {
            'cell': cell,
            'benchmark': benchmark,
            'method': method,
            'network': 'net',
            'crop': 96,
            'labelled_images': labelled,
            **dict(protocol),
        },
        'seed': seed,
        'label_seed': None,
        'status': 'finished',
        'reason': None,
        'iters_done': start + len(miou) * interval,
        'iters_planned': start + len(miou) * interval,
        'resumed_from': start or None,
        'metrics': {
            'last': results[-1] if results else None,
            'best': max(results, key=lambda r: r['mIoU'] or -1) if results else None,
        },
        'world_size': 1,
        'batch_size': 4,
        'device': 'A processor, 2 cores',
        'images_per_s': 12.5,
        'peak_mib': 900,
        'wall_s': 75.5,
        'commit': None,
        'dirty': None,
        'versions': {'torch': '2'},
        'command': ['train.py', config],
        'started': started,
        'updated': started,
        'ended': started,
        **changes,
    }
    (folder / 'run.json').write_text(json.dumps(record))
    return folder
