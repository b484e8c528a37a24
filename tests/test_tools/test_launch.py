"""The launcher against a stand-in for mim, which records runs as the real training does."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from mmseg_plugins.errors import UserError
from mmseg_plugins.launch import Campaign, LocalExecutor, Run, drive, plan_runs
from mmseg_plugins.launch.job import Job, log_reason
from mmseg_plugins.launch.progress import Progress

LAUNCH = Path(__file__).parents[2] / 'tools' / 'launch.py'

# Behaves as the leaf's `behaviour` says, and ends a failure as mim does, with its own traceback.
FAKE_MIM = r"""
import json, os, shutil, signal, sys, time
from pathlib import Path

args = sys.argv[1:]
config, work_dir = Path(args[2]), Path(args[args.index('--work-dir') + 1])
options = dict(option.split('=', 1) for option in args[args.index('--cfg-options') + 1 :])
setting = {}
exec(config.read_text(), setting)
behaviour, planned = setting['behaviour'], int(options.get('max_iters', setting['max_iters']))
with open(work_dir.parents[2] / 'calls.txt', 'a') as calls:
    calls.write(json.dumps([os.environ['OMP_NUM_THREADS'], *args]) + '\n')

folder = work_dir / str(time.time_ns())
(folder / 'vis_data').mkdir(parents=True)
(folder / 'vis_data' / 'config.py').write_text(
    config.read_text() + f'\nmax_iters = {planned}\nwork_dir = {str(work_dir)!r}\n'
)

def record(status, done, reason=None):
    metrics = {key: {'iter': done, 'mIoU': 41.5} for key in ('last', 'best')}
    (folder / 'run.json').write_text(json.dumps(dict(
        schema=1, status=status, reason=reason, iters_done=done, iters_planned=planned,
        metrics=metrics, wall_s=2.0)))

def fail(*lines):
    for line in lines:
        print(line)
    print('Traceback (most recent call last):\n  File "mim", line 8, in <module>')
    sys.exit("subprocess.CalledProcessError: Command '[...]' returned non-zero exit status 1.")

def interrupted(*_):
    record('interrupted', 5)
    sys.exit(1)

signal.signal(signal.SIGTERM, interrupted)
record('running', 0)
(folder / 'vis_data' / 'scalars.json').write_text('{"loss": 1.0, "iter": 5, "step": 5}\n')
if behaviour == 'recorded':
    record('failed', 3, 'loss sup.loss_ce is nan\nat iteration 3')
    fail('noise')
if behaviour == 'user_error':
    shutil.rmtree(folder)
    fail('error: data/none does not exist', 'goodbye')
if behaviour == 'removed':
    shutil.rmtree(work_dir)
    sys.exit(1)
if behaviour == 'traceback':
    fail('Traceback (most recent call last):', '  File "train.py", line 1', 'KeyError: "no head"')
if behaviour == 'stops_early':
    sys.exit(0)
once = work_dir / 'last_checkpoint'
if behaviour == 'orphan' and not once.exists():
    once.write_text('iter.pth')
    if os.fork():  # mim; its child trains on
        os.kill(os.getpid(), signal.SIGKILL)
    def ended(*_):
        (work_dir / 'ended').write_text('before the second start')
        interrupted()
    signal.signal(signal.SIGTERM, ended)
    time.sleep(20)
if behaviour == 'killed' or behaviour == 'killed once' and not once.exists():
    once.write_text('iter.pth')
    os.kill(os.getpid(), signal.SIGKILL)
if behaviour == 'hang':
    print('training', flush=True)
    time.sleep(60)
print('trained')
record('finished', planned)
(work_dir / 'last_checkpoint').write_text('iter.pth')
"""


@pytest.fixture
def place(tmp_path):
    """A folder with the stand-in, and a function that writes a leaf."""
    mim = tmp_path / 'mim'
    mim.write_text(f'#!{sys.executable}\n{FAKE_MIM}')
    mim.chmod(0o755)
    (tmp_path / 'configs').mkdir()
    return tmp_path


def leaf(place, name, behaviour='finish', max_iters=10):
    path = place / 'configs' / f'{name}.py'
    path.write_text(f'behaviour = {behaviour!r}\nmax_iters = {max_iters}\n')
    return str(path)


def plan(place, *configs, **kwargs):
    return plan_runs(list(configs), work_dirs=str(place / 'work_dirs'), **kwargs)


def launch(place, *configs, retries=0, **kwargs):
    """Train, and return the entries in the order of the configs."""
    runs = plan(place, *configs, **kwargs)
    campaign = Campaign(runs, retries)
    executor = LocalExecutor(str(place / 'mim'), jobs=2, threads=3)
    executor.check(runs)
    drive(campaign, executor, Progress(Console(quiet=True)), pause=lambda _: time.sleep(0.02))
    return list(campaign.entries.values())


def log(place, name):
    return place / 'work_dirs' / name / 'seed0' / 'train.log'


def calls(place):
    return [json.loads(line) for line in (place / 'calls.txt').read_text().splitlines()]


LOCAL, SLURM = ['--executor', 'local'], ['--executor', 'slurm']


def edit_record(place, name, **changes):
    (path,) = (place / 'work_dirs' / name / 'seed0').glob('*/run.json')
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_plan_goes_seed_by_seed(place):
    runs = plan(place, leaf(place, 'a'), leaf(place, 'b'), seeds=[0, 2], cfg_options=['x.y=1'])
    assert [run.name for run in runs] == ['a seed 0', 'b seed 0', 'a seed 2', 'b seed 2']
    assert runs[3].work_dir == place / 'work_dirs' / 'b' / 'seed2'
    command = plan(place, leaf(place, 'b'), seeds=[2], cfg_options=['x.y=1'], gpus=2)[0].command(
        'mim', resume=True
    )
    assert command[:4] == ['mim', 'train', 'mmseg', str(place / 'configs' / 'b.py')]
    assert ' '.join(command[4:8]) == '--gpus 2 --launcher pytorch'
    # The options are last: their argument takes all that follows.
    assert command[-4:] == ['--resume', '--cfg-options', 'randomness.seed=2', 'x.y=1']


def test_unknown_config_names_the_near_ones(place):
    leaf(place, 'cutmix_r18n_shapes_12')
    with pytest.raises(UserError, match=r'shapes_21.py does not exist; .*cutmix_r18n_shapes_12.py'):
        plan(place, str(place / 'configs' / 'cutmix_r18n_shapes_21.py'))
    with pytest.raises(UserError, match='is a folder'):
        plan(place, str(place / 'configs'))


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(seeds=[1, 1]), '1 is negative or given twice'),
        (dict(seeds=[-1]), '-1 is negative'),
        (dict(cfg_options=['max_iters']), "'max_iters' is not key=value"),
        (dict(cfg_options=['randomness.seed=3']), 'give seeds with --seeds 3'),
    ],
)
def test_bad_arguments(place, kwargs, message):
    with pytest.raises(UserError, match=message):
        plan(place, leaf(place, 'a'), **kwargs)


def test_two_configs_of_one_name(place):
    with pytest.raises(UserError, match='a config named a is already in the list'):
        plan(place, leaf(place, 'a'), leaf(place, 'a'))


def test_finished_runs_are_skipped(place):
    config = leaf(place, 'a')
    (first,) = launch(place, config)
    assert (first.status, first.note) == ('done', 'mIoU 41.50')
    (second,) = launch(place, config)
    assert (second.status, second.note) == ('done', 'finished before')
    ((threads, *command),) = calls(place)
    assert threads == '3' and 'randomness.seed=0' in command and '--resume' not in command
    assert log(place, 'a').read_text() == 'trained\n'


def test_a_changed_config_is_refused_unless_told(place):
    launch(place, leaf(place, 'a'), cfg_options=['max_iters=5'])
    before = sorted(path.name for path in log(place, 'a').parent.iterdir())
    other, again = launch(place, leaf(place, 'b'), leaf(place, 'a'))
    assert other.status == 'done'
    assert again.status == 'failed' and again.note.endswith(
        'seed0 holds a run of another config: max_iters was 5, is 10; give --retrain (its '
        'checkpoints are kept in earlier/) or another --work-dirs'
    )
    assert sorted(path.name for path in log(place, 'a').parent.iterdir()) == before
    (run,) = plan(place, leaf(place, 'a'), retrain=True)
    assert run.decide() == ('train', 'trains again: max_iters was 5, is 10')
    (again,) = launch(place, leaf(place, 'a'), retrain=True)
    assert again.status == 'done' and len(calls(place)) == 3
    (run,) = plan(place, leaf(place, 'a'), retrain=True)
    assert run.decide()[0] == 'skip'


def test_a_changed_config_with_nothing_to_lose_trains(place):
    launch(place, leaf(place, 'a'), cfg_options=['max_iters=5'])
    edit_record(place, 'a', status='failed')
    (log(place, 'a').parent / 'last_checkpoint').unlink()
    (run,) = plan(place, leaf(place, 'a'))
    assert run.decide() == ('train', 'trains again: max_iters was 5, is 10')


def test_three_changed_settings_are_told(place):
    launch(place, leaf(place, 'a'))
    settings = ['a=1', 'b=2', 'c=3', 'd=4']
    (run,) = plan(place, leaf(place, 'a'), cfg_options=settings)
    with pytest.raises(UserError, match=r': a was \(absent\), is 1; b .*; c .* is 3 and 1 more;'):
        run.decide()


@pytest.mark.parametrize('status', ['interrupted', 'running', 'failed'])
def test_an_interrupted_or_failed_run_is_resumed(place, status):
    config = leaf(place, 'a')
    launch(place, config)
    edit_record(place, 'a', status=status, iters_done=4)
    (again,) = launch(place, config)
    assert again.status == 'done' and '--resume' in calls(place)[1]
    assert log(place, 'a').read_text() == 'trained\n' * 2


def test_nothing_to_resume_from_trains_again(place):
    config = leaf(place, 'a')
    launch(place, config)
    edit_record(place, 'a', status='interrupted', iters_done=4)
    (place / 'work_dirs' / 'a' / 'seed0' / 'last_checkpoint').unlink()
    launch(place, config)
    assert '--resume' not in calls(place)[1]


def test_a_fresh_start_forgets_the_checkpoint_of_another_config(place):
    launch(place, leaf(place, 'a'), cfg_options=['max_iters=5'])
    launch(place, leaf(place, 'a', 'user_error'), retrain=True)
    assert not (place / 'work_dirs' / 'a' / 'seed0' / 'last_checkpoint').exists()


def test_a_fresh_start_keeps_the_checkpoints_of_another_config(place):
    launch(place, leaf(place, 'a'), cfg_options=['max_iters=5'])
    work_dir = log(place, 'a').parent
    (first,) = work_dir.glob('*/run.json')
    for name in ('iter_10.pth', 'best_mIoU_iter_10.pth'):
        (work_dir / name).write_text('weights')
    launch(place, leaf(place, 'a'), retrain=True)
    assert not list(work_dir.glob('*.pth'))
    kept = work_dir / 'earlier' / first.parent.name
    assert sorted(path.name for path in kept.iterdir()) == ['best_mIoU_iter_10.pth', 'iter_10.pth']


def test_what_a_resume_may_change_is_no_other_config(place):
    config = leaf(place, 'a')
    launch(place, config)
    edit_record(place, 'a', status='interrupted', iters_done=4)
    with open(config, 'a') as file:
        file.write('train_dataloader = dict(num_workers=2)\ntest_cfg = dict(tiles=3)\n')
    (run,) = plan(place, config)
    assert run.decide()[0] == 'resume'
    with open(config, 'a') as file:
        file.write("load_from = 'other.pth'\n")
    with pytest.raises(UserError, match=r'load_from was \(absent\), is other.pth'):
        run.decide()


def test_a_broken_record_trains_again(place):
    launch(place, leaf(place, 'a'))
    (path,) = (place / 'work_dirs').glob('a/seed0/*/run.json')
    path.write_text('{"status": "finis')
    (again,) = launch(place, leaf(place, 'a'))
    assert again.status == 'done'


@pytest.mark.parametrize(
    'behaviour, reason',
    [
        ('recorded', 'loss sup.loss_ce is nan at iteration 3'),
        ('user_error', 'data/none does not exist'),
        ('traceback', 'KeyError: "no head"'),
        ('stops_early', 'exit status 0, the log is empty'),
        ('killed', 'killed by SIGKILL'),
    ],
)
def test_a_failure_has_its_reason_and_stops_nothing(place, behaviour, reason):
    bad, good = launch(place, leaf(place, 'bad', behaviour), leaf(place, 'good'))
    assert (bad.status, bad.note.partition(' (1 times')[0]) == ('failed', reason)
    assert good.status == 'done'


def test_a_killed_run_goes_on_and_is_given_up_where_it_comes_no_further(place):
    comes_back, given_up = launch(
        place, leaf(place, 'a', 'killed once'), leaf(place, 'b', 'killed'), retries=2
    )
    assert (comes_back.status, comes_back.starts) == ('done', 2)
    assert given_up.status == 'failed' and given_up.starts == 4  # the first one reached iteration 5
    assert given_up.note == 'killed by SIGKILL (3 times without coming further)'
    (third,) = (call for call in calls(place) if 'a.py' in str(call) and '--resume' in call)
    assert third[1] == 'train'


def test_reason_of_a_killed_run():
    text = 'iteration 3\nTraceback (most recent call last):\nCalledProcessError: Command x'
    assert log_reason(f'{text} returned non-zero exit status 1.') == 'iteration 3'
    killed = log_reason(f'{text} died with <Signals.SIGKILL: 9>.')
    assert killed == 'killed by SIGKILL (out of memory?)'


def test_reason_of_a_run_with_several_ranks():
    text = """
[rank1]: Traceback (most recent call last):
[rank1]:   File "train.py", line 1
[rank1]: KeyError: 'no head'
W1121 17:28:57.404000 31 torch/distributed/elastic/multiprocessing/api.py:1028] Sending signal
Traceback (most recent call last):
  File "run.py", line 9
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
train.py FAILED
  exitcode  : 1 (pid: 31174)
============================================================
Traceback (most recent call last):
subprocess.CalledProcessError: Command x returned non-zero exit status 1.
"""
    assert log_reason(text) == "KeyError: 'no head'"


def test_a_removed_work_dir_stops_no_other_run(place):
    runs = plan(place, leaf(place, 'a', 'removed'), leaf(place, 'b'))
    campaign, executor = Campaign(runs), LocalExecutor(str(place / 'mim'), jobs=1, threads=1)
    executor.check(runs)
    drive(campaign, executor, Progress(Console(quiet=True)), pause=lambda _: time.sleep(0.02))
    removed, other = campaign.entries.values()
    assert removed.status == 'failed' and re.search('cannot read .*No such file', removed.note)
    assert other.status == 'done'


def test_two_launchers_do_not_share_a_directory(place):
    (run,) = plan(place, leaf(place, 'a', 'hang'))
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    job = Job(run, run.command(str(place / 'mim')), environment)
    try:
        (outcome,) = launch(place, str(run.config))
        assert outcome.status == 'failed' and 'another launcher is training here' in outcome.note
        while job.state is None or not job.state.iteration():
            time.sleep(0.05)
        assert re.fullmatch(r'iteration 5/10, \? left, mIoU 41.50', job.note())
    finally:
        job.signal(signal.SIGKILL)
        job.process.wait()


def test_what_a_killed_mim_leaves_behind_is_ended_before_the_run_goes_on(place):
    (run,) = plan(place, leaf(place, 'a', 'orphan'))
    campaign, executor = Campaign([run]), LocalExecutor(str(place / 'mim'), threads=1)
    executor.check([run])
    drive(campaign, executor, Progress(Console(quiet=True)), pause=lambda _: time.sleep(0.02))
    entry = campaign.entries[run]
    assert (entry.status, entry.starts) == ('done', 2)
    assert (run.work_dir / 'ended').read_text() == 'before the second start'


def test_gpus_are_hidden_or_dealt_out(place, monkeypatch):
    config = leaf(place, 'a')
    (cpu,) = plan(place, config)
    executor = LocalExecutor('mim')
    executor.check([cpu])
    assert executor.room(cpu) and executor.environment(cpu)['CUDA_VISIBLE_DEVICES'] == ''
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '4,5,7,-1')
    monkeypatch.setattr('torch.cuda.device_count', lambda: 3)
    first, second, third = plan(place, config, seeds=[0, 1, 2], gpus=2)
    (small,) = plan(place, config, seeds=[3], gpus=1)
    executor = LocalExecutor('mim')
    executor.check([first, second, third, small])
    assert executor.room(first) and not executor.room(second) and executor.room(small)
    given = [executor.environment(run)['CUDA_VISIBLE_DEVICES'] for run in (first, small)]
    assert given == ['4,5', '7']
    with pytest.raises(UserError, match='a seed 0 takes 4 GPUs and this machine shows 3; use'):
        LocalExecutor('mim').check(plan(place, config, gpus=4))


def arguments(place, *args):
    return [*args, '--mim', str(place / 'mim'), '--work-dirs', str(place / 'work_dirs')]


@pytest.fixture
def main(place, monkeypatch):
    """The tool's main, in this process, in the folder of the stand-in."""
    spec = importlib.util.spec_from_file_location('launch', LAUNCH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.chdir(place)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield lambda *args: module.main(arguments(place, *args))
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_tool_prints_a_table_and_fails_if_a_run_does(place, main, capsys):
    with pytest.raises(SystemExit, match='1'):
        main(leaf(place, 'good'), leaf(place, 'bad', 'user_error'), *LOCAL, '--jobs', '2')
    out, progress = capsys.readouterr()
    assert re.search(r'^good +0 +done +41.50 +41.50 +0:00:0\d$', out, re.MULTILINE), out
    assert re.search(r'^bad +0 +failed +- +- +0:00:0\d$', out, re.MULTILINE), out
    assert '\n0 running, 1 failed, 0 queued, 1 done\n' in out
    log = os.path.join('work_dirs', 'bad', 'seed0', 'train.log')
    assert out.endswith(f'failed: bad seed 0: data/none does not exist (log: {log})\n')
    assert '[2/2]' in progress and 'CalledProcessError' not in out + progress


def test_printing_tells_what_is_refused(place, main, capsys):
    launch(place, leaf(place, 'a'), cfg_options=['max_iters=5'])
    with pytest.raises(SystemExit, match='1'):
        main(leaf(place, 'a'), leaf(place, 'b'))
    out, err = capsys.readouterr()
    assert 'b.py' in out and 'a.py' not in out
    assert 'holds a run of another config' in err and '1 of 2 runs are left' in err
    main(leaf(place, 'a'), '--retrain')
    assert 'a.py' in capsys.readouterr().out


def test_tool_tells_a_mistake_in_one_line(place, main, capsys):
    leaf(place, 'cutmix')
    message = 'error: config configs/cutmxi.py does not exist; did you mean configs/cutmix.py?'
    with pytest.raises(SystemExit) as error:
        main('configs/cutmxi.py')
    assert error.value.code == message
    with pytest.raises(SystemExit, match='2'):
        main('configs/cutmix.py', '--jobs', '0')
    assert "'0' is not a number of 1 or more" in capsys.readouterr().err
    (place / 'mim').unlink()
    with pytest.raises(SystemExit, match='error: no mim command at'):
        main('configs/cutmix.py')
    assert not (place / 'work_dirs').exists()


@pytest.mark.parametrize(
    'args, message',
    [
        ([], 'nothing chosen: give config files, or filters'),
        (['a.py', '--method', 'cutmix'], 'a.py: give config files or filters'),
        (['--method', 'cutmux'], 'method cutmux is unknown; known are suponly, cutmix'),
        (['--benchmark', 'shapes_*', '--method', 'cutmix-*'], 'the matrix has no such cell; on'),
        (['--benchmark', 'shapes_12', '--seeds', '0,x'], "--seeds: 'x' is not a number"),
        (['--benchmark', 'shapes_12', '--label-seeds', '1'], 'none of the 4 configs has a bench'),
        (['--benchmark', 'cityscapes_french_100', '--label-seeds', '7'], 'choose from 12345,2345'),
        (['--benchmark', 'shapes_12', '--slurm', 'time=1'], '--slurm is for --executor slurm'),
        (['--benchmark', 'shapes_12', '--slurm', 'x', *SLURM], "--slurm 'x' is not key=value"),
        (['--benchmark', 'shapes_12', *SLURM], 'no sbatch command here, Slurm is not installed'),
        (['--benchmark', 'voc_classic_92', *LOCAL], 'takes 4 GPUs and this machine shows 0; use'),
    ],
)
def test_tool_refuses_before_anything_starts(place, main, monkeypatch, args, message):
    monkeypatch.setenv('PATH', str(place))  # without Slurm
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    with pytest.raises(SystemExit) as error:
        main(*args)
    assert message in error.value.code and '\n' not in error.value.code
    assert not (place / 'work_dirs').exists()


def test_tool_refuses_a_work_dir_that_cannot_be_written(place, main):
    (place / 'work_dirs').write_text('a file')
    with pytest.raises(SystemExit, match='error: cannot write in work_dirs: File exists; give'):
        main(leaf(place, 'a'), *LOCAL)


def test_tool_takes_cells_of_the_matrix(place, main, capsys):
    main(
        '--benchmark', 'cityscapes_french_100', '--method', 'cutmix', '--label-seeds', '23456,56789'
    )
    main('--benchmark', 'voc_classic_9?', '--method', 'sup*', '--method', 'corr*', '--seeds', '0,1')
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 4
    assert 'label23456/seed0' in lines[0]
    assert lines[0].endswith('randomness.seed=0 train_dataloader.dataset.label_seed=23456')
    assert ['corrmatch' in line for line in lines[2:]] == [True, False, True, False]
    assert all('_voc_classic_92-321.py --gpus 4 --launcher pytorch ' in line for line in lines[2:])


def test_tool_prints_commands_that_a_shell_can_run(place):
    args = arguments(place, leaf(place, 'a'), '--seeds', '0,1', '--threads', '1')
    out = subprocess.run([sys.executable, str(LAUNCH), *args], text=True, stdout=subprocess.PIPE)
    first, second = out.stdout.splitlines()
    assert out.returncode == 0 and not (place / 'work_dirs').exists()
    run = Run(place / 'configs' / 'a.py', 1, place / 'work_dirs' / 'a' / 'seed1')
    command = ' '.join(run.command(str(place / 'mim')))
    assert second == f'OMP_NUM_THREADS=1 CUDA_VISIBLE_DEVICES= {command}'
    assert subprocess.run(first, shell=True).returncode == 0


def test_tool_ends_its_runs_when_it_is_ended(place):
    ends = {'a': (signal.SIGINT, 130), 'b': (signal.SIGTERM, 143)}
    processes = {
        name: subprocess.Popen(
            [sys.executable, str(LAUNCH), *arguments(place, leaf(place, name, 'hang'), *LOCAL)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name in ends
    }
    for name, (number, status) in ends.items():
        log = place / 'work_dirs' / name / 'seed0' / 'train.log'
        until = time.monotonic() + 60
        while time.monotonic() < until and not (log.exists() and 'training' in log.read_text()):
            time.sleep(0.05)
        processes[name].send_signal(number)
        progress, _ = processes[name].communicate(timeout=60)
        assert processes[name].returncode == status, progress
        (record,) = log.parent.glob('*/run.json')
        assert json.loads(record.read_text())['status'] == 'interrupted'
        assert 'Traceback' not in progress
        assert f'queued: {name} seed 0: interrupted; the same command goes on with it' in progress
