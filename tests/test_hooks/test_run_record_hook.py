"""run.json tells the truth about a training, however it ends."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from tiny_training import Tiny, make_runner

from mmseg_plugins.errors import UserError
from mmseg_plugins.hooks.process_end import ProcessEnd
from mmseg_plugins.results.environment import git_state
from mmseg_plugins.results.json_safe import json_safe
from mmseg_plugins.results.runs import read_record, read_run

KEYS = set(
    'schema run_id config cell protocol seed label_seed status reason iters_done iters_planned '
    'resumed_from metrics world_size batch_size device images_per_s peak_mib wall_s commit dirty '
    'versions command started updated ended devices batches data heartbeat_s'.split()
)


def read(work_dir):
    (path,) = Path(work_dir).glob('*/run.json')
    return json.loads(path.read_text())


class Spy(Hook):
    """Reads the record while the training goes on."""

    priority = 'VERY_LOW'

    def __init__(self, work_dir):
        self.work_dir, self.seen = work_dir, {}

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.seen[batch_idx] = read(self.work_dir)


def test_a_finished_run(tmp_path):
    protocol = dict(cell='b/m/n', crop=(96, 96), nan=float('nan'), label_seed=5)
    if ProcessEnd._active:  # of a runner that never trained
        ProcessEnd._active.stop()
    hook_before, signal_before = sys.excepthook, signal.getsignal(signal.SIGTERM)
    runner = make_runner(tmp_path, iters=6, protocol=protocol)
    spy = Spy(tmp_path)
    runner.register_hook(spy)
    runner.train()
    assert sys.excepthook is hook_before and signal.getsignal(signal.SIGTERM) is signal_before

    first, second_half = spy.seen[0], spy.seen[2]
    assert (first['status'], first['iters_done'], first['ended']) == ('running', 0, None)
    assert first['metrics'] == {'last': None, 'best': None}
    assert second_half['iters_done'] == 2 and second_half['metrics']['last']['mIoU'] == 30.0

    record = read(tmp_path)
    assert set(record) == KEYS
    assert (record['status'], record['reason']) == ('finished', None)
    assert (record['iters_done'], record['iters_planned'], record['resumed_from']) == (6, 6, None)
    per_class = {'disc': 51.0, 'box': None}  # NaN is null
    assert record['metrics']['best'] == {'iter': 4, 'mIoU': 50.0, 'iou_per_class': per_class}
    assert record['metrics']['last']['iter'] == 6 and record['metrics']['last']['mIoU'] == 40.0
    step = record['protocol'].pop('step')
    assert record['protocol'] == {'cell': 'b/m/n', 'crop': [96, 96], 'nan': None, 'label_seed': 5}
    assert (step['accumulate'], step['norm_images'], step['lr_scale']) == (1, 0, 1)
    assert (record['cell'], record['seed'], record['label_seed']) == ('b/m/n', 3, 5)
    assert (record['world_size'], record['batch_size']) == (1, 2)
    assert record['devices'] == [record['device']] and record['heartbeat_s'] == 60
    assert record['peak_mib'] > 50 and record['wall_s'] >= 0 and record['device']
    assert record['versions']['torch'] == torch.__version__
    assert record['command'] == sys.argv
    assert record['started'] <= record['updated'] and record['ended'].endswith('Z')
    assert not list(tmp_path.glob('*/.run.json*'))
    # The reader understands what the hook writes, and what MMEngine writes beside it.
    run = read_run(next(tmp_path.glob('*/run.json')))
    assert run.curve['iter'].tolist() == [1, 2, 3, 4, 5, 6]
    assert run.curve['mIoU'].dropna().tolist() == [30.0, 50.0, 40.0]
    assert run.curve['loss'].notna().all()


def test_throughput_leaves_warmup_and_validation_out(tmp_path):
    hooks = [dict(type='RunRecordHook', interval=0, warmup=1)]
    make_runner(tmp_path, hooks=hooks, iters=6, val_interval=3).train()
    assert read(tmp_path)['images_per_s'] > 0


def test_nan_scores_never_are_the_best(tmp_path):
    make_runner(tmp_path, iters=6, scores=(float('nan'), 20.0, float('nan'))).train()
    metrics = read(tmp_path)['metrics']
    assert metrics['best']['mIoU'] == 20.0 and metrics['last']['mIoU'] is None


def test_testing_writes_no_record(tmp_path):
    make_runner(tmp_path).val()
    assert not list(tmp_path.glob('*/run.json'))


def test_a_heartbeat_between_validations(tmp_path):
    runner = make_runner(
        tmp_path, hooks=[dict(type='RunRecordHook', interval=0)], val_interval=100, iters=3
    )
    spy = Spy(tmp_path)
    runner.register_hook(spy)
    runner.train()
    assert [spy.seen[index]['iters_done'] for index in range(3)] == [0, 1, 2]


def test_a_resumed_run_is_a_new_record(tmp_path):
    make_runner(tmp_path / 'a', iters=2).train()
    runner = make_runner(
        tmp_path / 'b', iters=4, resume=True, load_from=str(tmp_path / 'a' / 'iter_2.pth')
    )
    spy = Spy(tmp_path / 'b')
    runner.register_hook(spy)
    runner.train()
    assert spy.seen[2]['iters_done'] == 2  # not 0
    record = read(tmp_path / 'b')
    assert (record['resumed_from'], record['iters_done']) == (2, 4)


def test_errors_do_not_pile_up_in_one_process(tmp_path):
    class Broken(Tiny):
        def forward(self, *args, **kwargs):
            raise ValueError('first line\nsecond line')

    if ProcessEnd._active:  # of a runner that never trained
        ProcessEnd._active.stop()
    before = sys.excepthook
    for name in ('a', 'b'):
        with pytest.raises(ValueError):
            make_runner(tmp_path / name, Broken()).train()
    assert sys.excepthook == ProcessEnd._active._on_exception
    assert ProcessEnd._active._next_hook is before  # not the first run's
    sys.excepthook(ValueError, ValueError('first line\nsecond line'), None)
    assert sys.excepthook is before and ProcessEnd._active is None
    record = read(tmp_path / 'b')
    assert (record['status'], record['reason']) == ('failed', 'ValueError: first line')
    assert record['iters_done'] == 0 and record['ended']


def test_an_unwritable_folder_stops_the_run_at_once(tmp_path):
    runner = make_runner(tmp_path)
    (Path(runner.log_dir) / 'run.json').mkdir()
    with pytest.raises(UserError, match='cannot write .*run.json: .*; free space or choose'):
        runner.train()
    ProcessEnd._active.stop()


def test_a_disk_that_fills_up_does_not(tmp_path, monkeypatch):
    runner = make_runner(tmp_path, hooks=[dict(type='RunRecordHook', interval=0)])

    def full(path, content):
        raise OSError(28, 'No space left on device')

    class Fill(Hook):
        def before_train_iter(self, *args, **kwargs):
            monkeypatch.setattr('mmseg_plugins.results.run_record.write_atomic', full)

    runner.register_hook(Fill())
    runner.train()
    assert runner.iter == 4 and read(tmp_path)['status'] == 'running'


def train_uncaught(runner):
    """Train as a script does: what is raised ends in ``sys.excepthook``."""
    try:
        runner.train()
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)


@pytest.mark.parametrize(
    ('error', 'status', 'reason'),
    [
        (UserError('no list x.txt; write it'), 'failed', 'no list x.txt; write it'),
        (KeyboardInterrupt(), 'interrupted', 'KeyboardInterrupt'),
    ],
)
def test_an_error_while_the_data_are_built(tmp_path, capsys, error, status, reason):
    def build(*args):
        raise error

    protocol = dict(cell='b/m/n')
    runner = make_runner(tmp_path, iters=7, protocol=protocol, build=build)
    train_uncaught(runner)
    record = read_record(next(tmp_path.glob('*/run.json')))  # sound for a reader too
    assert (record['status'], record['reason']) == (status, reason)
    assert (record['iters_done'], record['iters_planned'], record['cell']) == (0, 7, 'b/m/n')
    assert record['batch_size'] == 2 and record['ended'] and set(record) == KEYS


@pytest.mark.parametrize('method', ['val', 'test'])
def test_an_error_in_a_test_writes_no_record(tmp_path, method):
    runner = make_runner(tmp_path)

    def build(*args):
        raise UserError('no list')

    runner.build_val_loop = build
    with pytest.raises((UserError, RuntimeError)) as caught:
        getattr(runner, method)()
    ProcessEnd._active._on_exception(caught.type, caught.value, caught.tb)
    assert not list(tmp_path.glob('*/run.json'))


def test_two_runs_in_one_folder(tmp_path):
    runner = make_runner(tmp_path)
    path = Path(runner.log_dir) / 'run.json'
    other = '{"status": "running", "run_id": "other"}'
    path.write_text(other)
    with pytest.raises(UserError, match='is the record of another run that goes on; start this'):
        runner.train()
    assert path.read_text() == other and ProcessEnd._active is None


def test_a_signal_that_ends_nothing(tmp_path):
    before = signal.signal(signal.SIGTERM, lambda *_: None)

    class Send(Hook):
        def before_train_iter(self, runner, batch_idx, data_batch=None):
            if batch_idx == 1:
                os.kill(os.getpid(), signal.SIGTERM)
            assert batch_idx != 2 or read(tmp_path)['status'] == 'running'

    try:
        runner = make_runner(tmp_path, hooks=[dict(type='RunRecordHook', interval=0)])
        runner.register_hook(Send())
        runner.train()
    finally:
        signal.signal(signal.SIGTERM, before)
    record = read(tmp_path)
    assert (record['status'], record['reason'], record['iters_done']) == ('finished', None, 4)


def test_a_signal_that_saves_a_checkpoint_first(tmp_path):
    """The record knows the iteration that the checkpoint holds: gathering merges by it."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)

    class Send(Hook):
        def before_train_iter(self, runner, batch_idx, data_batch=None):
            if batch_idx == 2:
                os.kill(os.getpid(), signal.SIGTERM)

    try:
        save = dict(type='SafeCheckpointHook', interval=100, by_epoch=False)
        runner = make_runner(tmp_path, hooks=[save, dict(type='RunRecordHook')])
        runner.register_hook(Send())
        with pytest.raises(SystemExit):
            runner.train()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (tmp_path / 'iter_3.pth').is_file()
    record = read(tmp_path)
    assert (record['status'], record['reason']) == ('interrupted', 'received SIGTERM')
    assert record['iters_done'] == 3


def test_a_protocol_that_contradicts_the_data_is_told(tmp_path):
    protocol = dict(cell='a/b/c', benchmark='x', method='b', network='c')
    runner = make_runner(tmp_path, protocol=protocol, iters=2)
    runner.train()
    (log,) = Path(runner.log_dir).glob('*.log')
    assert 'this run has a protocol that contradicts itself' in log.read_text()


ENDINGS = {
    'SIGTERM': (-signal.SIGTERM, 'interrupted', 'received SIGTERM'),
    'SIGINT': (None, 'interrupted', 'KeyboardInterrupt'),
    'SIGKILL': (-signal.SIGKILL, 'running', None),
    'UserError': (1, 'failed', 'mask a.png has value 7 of 2 classes; relabel it'),
    'ValueError': (1, 'failed', 'ValueError: first line'),
    'exit': (5, 'interrupted', 'the process ended before the training did'),
}


@pytest.fixture(scope='module')
def ended(tmp_path_factory):
    """Trainings that ended, each in a process of its own: folder and exit codes."""
    folder = tmp_path_factory.mktemp('ended')
    script = Path(__file__).with_name('tiny_training.py')
    done = subprocess.run(
        [sys.executable, str(script), str(folder), *ENDINGS],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith('ended ')]
    return folder, {how: int(code) for _, how, code in lines}


@pytest.mark.parametrize('how', ENDINGS)
def test_ends_of_a_process(ended, how):
    code, status, reason = ENDINGS[how]
    folder, codes = ended
    assert codes[how] != 0 and code in (None, codes[how])
    record = read(folder / how)
    assert (record['status'], record['reason']) == (status, reason)
    assert record['iters_done'] == 2 and (record['ended'] is None) == (status == 'running')
    assert record['metrics']['last']['mIoU'] == 30.0
    if how == 'UserError':
        errors = (folder / how / 'stderr').read_text()
        assert errors.splitlines()[-1] == f'error: {reason}'
        assert 'Traceback' not in errors


def test_git_state_asks_only_for_tracked_files(tmp_path):
    def git(*args):
        identity = ['-c', 'user.name=a', '-c', 'user.email=a@b']
        subprocess.run(['git', '-C', tmp_path, *identity, *args], check=True, capture_output=True)

    file, other = tmp_path / 'a.py', tmp_path / 'b.py'
    file.write_text('1')
    other.write_text('1')
    git('init')
    git('add', 'a.py')
    git('commit', '-m', 'a')
    commit, dirty = git_state(None, other, file)
    assert len(commit) == 40 and dirty is False
    file.write_text('2')
    assert git_state(file) == (commit, True)
    assert git_state(other) == (None, None)
    assert git_state(tmp_path / 'missing' / 'c.py') == (None, None)


def test_json_safe():
    value = {1: (torch.tensor(2.5), float('inf')), 'path': Path('a'), 'none': None, 'flag': True}
    assert json_safe(value) == {'1': [2.5, None], 'path': 'a', 'none': None, 'flag': True}
