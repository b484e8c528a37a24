"""What goes wrong around a training: it says so, it ends, and nothing is lost."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import mmseg
import pytest
import replicas
from mmengine.config import Config
from PIL import Image
from resumable import NAMES, Start, digest, logged, short

from mmseg_plugins.checkpoints import atomic_backend
from mmseg_plugins.results.atomic import write_atomic

ITERS = 8
pytestmark = pytest.mark.slow  # processes of their own; `make test-resume` runs them


@pytest.fixture
def data(recorded, at, tmp_path):
    root = replicas.prepared(tmp_path, 'voc12', ['voc_classic_92'])
    recorded(at(root))
    return root


@pytest.fixture
def make(config, tmp_path, data, quick):
    """Make a training: ``make(folder, **options of short)``."""

    def make(folder, **kwargs):
        kwargs = dict(iters=ITERS, interval=2) | kwargs
        return short(config(NAMES['cutmix']), tmp_path / folder, **kwargs)

    return make


@pytest.fixture
def whole(make, tmp_path):
    """Call for what an uninterrupted training gives."""

    def train(folder='whole', ranks=1):
        assert Start(make(folder), ranks).end() == [0] * ranks
        return digest(tmp_path / folder, ITERS), logged(tmp_path / folder)

    return train


def children(pid):
    tasks = Path(f'/proc/{pid}/task').glob('*/children')
    return [int(child) for path in tasks for child in path.read_text().split()]


def resumed(cfg, ranks=1):
    """What a resumed training gives at its end."""
    start = Start(cfg, ranks, resume=True)
    assert start.end() == [0] * ranks, Path(start.out).read_text()[-3000:]
    work_dir = Path(cfg.work_dir)
    return digest(work_dir, ITERS), logged(work_dir)


def test_a_loader_worker_is_killed(make, whole):
    cfg = make('parts', workers=2)
    start = Start(cfg)
    assert start.wait_for(4)
    os.kill(children(start.processes[0].pid)[0], signal.SIGKILL)
    assert start.end() == [1]
    assert re.search(r'worker \(pid.*\d+\).*(killed|exited)', Path(start.out).read_text())
    assert resumed(cfg) == whole()


def break_one(data, cut):
    """Break an image that is drawn early: cut short, or with other bytes within.

    Returns:
        tuple[Path, bytes]: The file and what was in it.
    """
    path = data / 'voc12/JPEGImages/2008_000003.jpg'
    content = path.read_bytes()
    path.unlink()  # it may be a link to the source
    path.write_bytes(content[: len(content) // 2] if cut else b'<html>' + content)
    return path, content


@pytest.mark.parametrize(('cut', 'workers'), [(True, 2), (False, 0)])
def test_a_corrupt_image_stops(cut, workers, make, whole, data):
    expected = whole()
    path, content = break_one(data, cut)
    cfg = make('parts', workers=workers)
    start = Start(cfg)
    assert start.end() == [1]
    message = f'UserError: image {path} cannot be read'
    lines = Path(start.out).read_text().splitlines()
    assert sum(message in line for line in lines) == 1
    path.write_bytes(content)
    assert resumed(cfg) == expected


def test_a_corrupt_image_is_skipped_and_counted(make, data):
    path, _ = break_one(data, cut=True)
    results = []
    for folder, workers in (('whole', 0), ('parts', 2)):
        cfg = make(folder, workers=workers)
        for source in ('labeled', 'unlabeled'):
            cfg.train_dataloader.dataset[source].bad_files = 'skip'
        start = Start(cfg)
        if folder == 'parts':
            assert start.wait_for(5)
            assert start.kill() == [-9]
            results.append(resumed(cfg))
        else:
            assert start.end() == [0]
            results.append((digest(Path(cfg.work_dir), ITERS), logged(Path(cfg.work_dir))))
        assert f'image {path} cannot be read' in Path(start.out).read_text()
    assert re.search(r'truncated.*: 1 skipped so far', Path(start.out).read_text())
    assert results[0] == results[1]


@pytest.mark.parametrize('when', ['checkpoint', 'best'])
def test_a_full_disk(when, make, whole, monkeypatch):
    expected = whole()

    def full(path, content):
        if Path(path).name.startswith({'checkpoint': 'iter_6', 'best': 'best_'}[when]):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_atomic(path, content)

    cfg = make('parts')
    with monkeypatch.context() as patch:
        patch.setattr(atomic_backend, 'write_atomic', full)
        start = Start(cfg)
        assert start.end() == [1]
    assert re.search(
        r'UserError: cannot write .*\.pth: No space left .*make room and go on with --resume',
        Path(start.out).read_text(),
    )
    assert resumed(cfg) == expected


@pytest.mark.skipif(os.geteuid() != 0, reason='mounts a small disk')
def test_a_disk_that_is_really_full(make, whole, tmp_path):
    expected = whole()
    (tmp_path / 'parts').mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', str(tmp_path / 'parts')]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip('no disk can be mounted here')
    try:
        cfg = make('parts')
        cfg.train_cfg.val_interval = ITERS  # best checkpoints would take the room
        start = Start(cfg)
        while start.alive and not (tmp_path / 'parts/iter_4.pth').exists():
            pass
        size = (tmp_path / 'parts/iter_4.pth').stat().st_size
        free = os.statvfs(tmp_path / 'parts').f_bavail * os.statvfs(tmp_path / 'parts').f_frsize
        (tmp_path / 'parts/filler').write_bytes(bytes(free - size // 2))
        assert start.end() == [1]
        assert 'No space left' in Path(start.out).read_text()
        assert list((tmp_path / 'parts').glob('iter_*.pth'))
        (tmp_path / 'parts/filler').unlink()
        cfg.train_cfg.val_interval = 4
        cfg.default_hooks.resume.allow_changes = True
        assert resumed(cfg)[0] == expected[0]
    finally:
        subprocess.run(['umount', '-l', str(tmp_path / 'parts')], check=True)


@pytest.mark.parametrize('rank', [0, 1])
def test_a_rank_dies(rank, make, whole):
    expected = whole(ranks=2)
    cfg = make('parts', workers=2)
    start = Start(cfg, ranks=2)
    assert start.wait_for(5)
    os.kill(start.processes[rank].pid, signal.SIGKILL)
    codes = start.end()
    assert codes[rank] == -9 and codes[1 - rank] not in (0, None)
    assert re.search(
        'RuntimeError.*(closed by peer|reset by peer|Gloo)', Path(start.out).read_text()
    )
    assert resumed(cfg, ranks=2) == expected


@pytest.mark.parametrize('rank', [0, 1])
def test_one_rank_is_told_to_end(rank, make, whole):
    expected = whole(ranks=2)
    cfg = make('parts')
    start = Start(cfg, ranks=2)
    assert start.wait_for(2)
    os.kill(start.processes[rank].pid, signal.SIGTERM)
    codes = start.end()
    assert 143 in codes and 0 not in codes
    assert resumed(cfg, ranks=2) == expected


TRAIN = Path(mmseg.__file__).with_name('.mim') / 'tools/train.py'


def run(folder, root, *args, at='never:0'):
    """The stock script on a leaf of shapes with two workers, in a process group of its own."""
    env = dict(
        PYTHONPATH=f'{root}:{root}/tests/support', OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='',
        SIGNAL_AT=at,
    )  # fmt: skip
    command = [sys.executable, TRAIN, folder.parent / 'config.py', '--work-dir', folder, *args]
    return subprocess.run(
        list(map(str, command)), cwd=folder.parent, env={**os.environ, **env}, text=True,
        capture_output=True, timeout=300, start_new_session=True,
    )  # fmt: skip


def test_sigterm(tiny_data, root):
    """In an iteration and in a validation, to the process alone and to all of its group."""
    masks = tiny_data / 'shapes/SegmentationClass'
    for name in 'ghijk':  # a validation of several batches
        for path in (masks, masks.with_name('JPEGImages')):
            Image.open(path / 'f.png').save(path / f'{name}.png')
    val = tiny_data / 'shapes/ImageSets/Segmentation/val.txt'
    val.write_text('\n'.join('fghijk'))
    (leaf,) = (root / 'configs/suponly').glob('suponly_*_shapes_12-96.py')
    cfg = Config.fromfile(leaf)
    cfg.train_cfg.update(max_iters=ITERS, val_interval=4)
    cfg.default_hooks.checkpoint.interval = 2
    cfg.default_hooks.logger.interval = 1
    cfg.train_dataloader.dataset.benchmark = 'tiny'
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.update(num_workers=2, persistent_workers=True)
    cfg.custom_imports.imports.append('signal_at')
    cfg.custom_hooks = [*cfg.get('custom_hooks', []), dict(type='SignalAt')]
    place = tiny_data.parent
    cfg.dump(place / 'config.py')

    ended = run(place / 'whole', root)
    assert ended.returncode == 0, ended.stderr[-3000:]
    expected = digest(place / 'whole', ITERS), logged(place / 'whole')
    for number, at in enumerate(['train:3', 'train:3:group', 'val:2', 'val:2:group']):
        folder = place / f'told-{number}'
        ended = run(folder, root, at=at)
        assert ended.returncode == 143, (at, ended.stderr[-3000:])
        assert 'SIGTERM: ' in ended.stdout + ended.stderr
        assert (folder / ('iter_3.pth' if 'train' in at else 'iter_4.pth')).is_file()
        (record,) = folder.glob('*/run.json')
        record = json.loads(record.read_text())
        assert (record['status'], record['reason']) == ('interrupted', 'received SIGTERM')
        ended = run(folder, root, '--resume')
        assert ended.returncode == 0, ended.stderr[-3000:]
        assert (digest(folder, ITERS), logged(folder)) == expected, at
