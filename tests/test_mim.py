"""Stock commands from another working directory, and what a user's mistake looks like there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import mmseg
import pytest
from PIL import Image

MIM = Path(sys.executable).with_name('mim')
SHORT = [
    'train_cfg.max_iters=2',
    'train_cfg.val_interval=2',
    'param_scheduler.end=2',
    'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'val_dataloader.num_workers=0',
    'val_dataloader.persistent_workers=False',
    'test_dataloader.num_workers=0',
    'test_dataloader.persistent_workers=False',
    'train_dataloader.dataset.benchmark=tiny',
]


def mim(*args, cwd, root):
    env = {
        **os.environ,
        'PYTHONPATH': str(root),
        'CUDA_VISIBLE_DEVICES': '',
        'OMP_NUM_THREADS': '1',
    }
    command = [MIM, *map(str, args)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300)


def leaf_of(root, method):
    (leaf,) = (root / 'configs' / method).glob(f'{method}_*_shapes_12-96.py')
    return leaf


@pytest.mark.parametrize('method', ['suponly', 'cutmix', 'corrmatch'])
def test_train_and_test(tiny_data, root, method):
    cwd, leaf = tiny_data.parent, leaf_of(root, method)
    # of three unlabelled images
    batch = ['batch_size=6', 'sampler.source_ratio=[2,2,2]'] if method != 'suponly' else []
    train = mim(
        'train', 'mmseg', leaf, '--gpus', '0', '--work-dir', 'run', '--cfg-options', *SHORT,
        *(f'train_dataloader.{option}' for option in batch), 'randomness.seed=3', cwd=cwd,
        root=root,
    )  # fmt: skip
    assert train.returncode == 0, train.stderr[-3000:]
    (record,) = (cwd / 'run').glob('*/run.json')
    record = json.loads(record.read_text())
    assert record['status'] == 'finished' and record['iters_done'] == 2 and record['seed'] == 3
    assert record['cell'] == f'shapes_12/{method}/deeplabv3plus-r18n'
    scored = record['metrics']['last']['mIoU']

    test = mim(
        'test', 'mmseg', leaf, '--checkpoint', 'run/iter_2.pth', '--gpus', '0', '--work-dir',
        'scored', '--cfg-options', *SHORT, cwd=cwd, root=root,
    )  # fmt: skip
    assert test.returncode == 0, test.stderr[-3000:]
    assert f'mIoU: {scored:.4f}' in test.stdout + test.stderr


def test_print_config(tiny_data, root):
    shown = mim(
        'run', 'mmseg', 'print_config', leaf_of(root, 'corrmatch'), cwd=tiny_data.parent, root=root
    )
    assert shown.returncode == 0, shown.stderr[-2000:]
    assert "type='CorrMatch'" in shown.stdout and 'max_iters=600' in shown.stdout


def test_a_mistake_is_one_line(tiny_data, root):
    """No traceback of ours; mim adds its own about the failed command."""
    mask = tiny_data / 'shapes/SegmentationClass/b.png'
    Image.open(mask).convert('RGB').save(mask)  # found in a loader worker
    train = Path(mmseg.__file__).parent / '.mim/tools/train.py'
    command = [sys.executable, train, leaf_of(root, 'suponly'), '--work-dir', 'run']
    run = subprocess.run(
        [
            *map(str, command),
            '--cfg-options',
            *SHORT,
            'train_dataloader.num_workers=1',
            'train_dataloader.dataset.labeled.verify=False',
        ],  # else found at once
        cwd=tiny_data.parent,
        env={**os.environ, 'PYTHONPATH': str(root)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 1
    assert 'Traceback' not in run.stderr
    line = run.stderr.strip().splitlines()[-1]
    assert line.startswith('error: mask ') and 'SegmentationClass/b.png has the mode RGB' in line
    (record,) = (tiny_data.parent / 'run').glob('*/run.json')
    record = json.loads(record.read_text())
    assert record['status'] == 'failed' and line == f'error: {record["reason"]}'
