"""The Slurm executor against stand-ins for Slurm's commands; make test-slurm has the real ones."""

import pytest

from mmseg_plugins.errors import UserError
from mmseg_plugins.launch import Campaign, End, Run, SlurmExecutor
from mmseg_plugins.launch.slurm_commands import YEAR_MIN, minutes
from mmseg_plugins.launch.slurm_files import read_end, read_submitted, write_end

# They answer from files beside them, and note what they were asked.
FAKE = {
    'sinfo': 'echo "short*|1:00:00"; echo "long|infinite"',
    'squeue': 'cat "$here/queue"',
    'scontrol': """
        case "$1" in
          show) case "$2" in
            config) echo "MaxArraySize            = 3" ;;
            *) echo "JobId=1 JobState=NODE_FAIL Reason=None" ;;
          esac ;;
          requeue) test ! -e "$here/forgotten" ;;
        esac""",
    'sbatch': """
        test "$1" = --version && exit
        test -e "$here/refuse" && { echo "sbatch: error: Invalid account" >&2; exit 1; }
        n=$(($(cat "$here/number") + 1)); echo $n > "$here/number"
        cp "$1" "$here/script_$n"
        echo "Submitted batch job $n" """,
    'srun': 'exit 1',
}


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """The folder of the stand-ins, first on the path."""
    pytest.importorskip('submitit')
    folder = tmp_path / 'bin'
    folder.mkdir()
    for name, script in FAKE.items():
        path = folder / name
        path.write_text(f'#!/bin/sh\nhere={folder}\necho "{name} $*" >> "$here/asked"\n{script}\n')
        path.chmod(0o755)
    (folder / 'queue').write_text('')
    (folder / 'number').write_text('10')
    monkeypatch.setenv('PATH', f'{folder}:/usr/bin:/bin')
    return folder


def runs(tmp_path, number=3, gpus=0):
    config = tmp_path / 'leaf.py'
    config.write_text('max_iters = 10\n')
    names = [f'g{gpus}seed{seed}' for seed in range(number)]
    return [
        Run(config, seed, tmp_path / 'w' / 'leaf' / name, gpus=gpus)
        for seed, name in enumerate(names)
    ]


def executor(tmp_path, **kwargs):
    return SlurmExecutor('mim', str(tmp_path / 'w'), **kwargs)


def script(slurm, number):
    lines = (slurm / f'script_{number}').read_text().splitlines()
    return [line.removeprefix('#SBATCH ') for line in lines if line.startswith('#SBATCH')]


def test_arrays_have_a_cap_and_come_one_after_the_other(slurm, tmp_path):
    cpu, gpu = runs(tmp_path, 4), runs(tmp_path, 2, gpus=4)
    options = {'partition': 'long', 'time': '1-00:00:00', 'account': 'lab'}
    it = executor(tmp_path, jobs=2, options=options)
    it.check(cpu + gpu)
    started = it.start(cpu + gpu)
    assert [how.removeprefix('submitted as Slurm job ') for how in started.values()] == [
        *('12_0', '12_1', '12_2', '13'),  # an array may have three here
        *('11_0', '11_1'),
    ]
    first, second, third = (script(slurm, number) for number in (11, 12, 13))
    for line in ('--array=0-1%2', '--gpus-per-node=4', '--cpus-per-task=24', '--requeue'):
        assert line in first
    for line in ('--partition=long', '--time=1440', '--account=lab', '--signal=USR2@90'):
        assert line in first
    assert '--array=0-2%2' in second and '--dependency=afterany:11' in second
    assert '--dependency=afterany:11:12' in third
    assert not any('gpus' in line for line in second)
    assert read_submitted(cpu[0]) == ('12_0', cpu[0].command())


def test_ends_are_read_and_what_is_lost_is_requeued(slurm, tmp_path):
    done, failed, lost = runs(tmp_path)
    it = executor(tmp_path)
    it.check([done])
    campaign = Campaign([done, failed, lost])
    it.start([campaign.start() for _ in range(3)])
    (slurm / 'queue').write_text('11_0|RUNNING|None\n11_1|PENDING|Resources\n11_2|RUNNING|None\n')
    assert it.poll() == {}
    assert it.notes()[failed] == ('queued', 'Slurm job 11_1: pending, Resources')
    write_end(done, '11_0', End('done', 10, 'mIoU 41.50'))
    write_end(failed, '11_1', End('failed', 3, 'loss is nan'))
    write_end(lost, '9_9', End('done', 10))  # of another job
    (slurm / 'queue').write_text('')
    ends = it.poll()
    assert (ends[done], ends[failed]) == (read_end(done, '11_0'), read_end(failed, '11_1'))
    reason = 'Slurm job 11_2 ended without a word (node fail)'
    assert ends[lost] == End('interrupted', 0, reason)
    for run, end in ends.items():
        campaign.end(run, end)
    assert campaign.counts == dict(queued=1, running=0, done=1, failed=1)
    assert it.start([campaign.start()]) == {lost: 'requeued as Slurm job 11_2'}
    assert 'scontrol requeue 11_2' in (slurm / 'asked').read_text()
    campaign.end(lost, it.poll()[lost])
    (slurm / 'forgotten').write_text('')
    assert it.start([campaign.start()]) == {lost: 'submitted as Slurm job 12'}


def test_another_launcher_finds_the_jobs(slurm, tmp_path):
    mine = runs(tmp_path, 2)
    executor_1, executor_2 = executor(tmp_path), executor(tmp_path)
    executor_1.check(mine)
    executor_1.start(mine)
    (slurm / 'queue').write_text('11_0|RUNNING|None\n11_1|PENDING|Resources\n')
    other = Run(mine[1].config, 1, mine[1].work_dir, ('max_iters=5',))
    executor_2.check(mine)
    assert executor_2.start([mine[0], other]) == {
        mine[0]: 'is Slurm job 11_0 already',
        other: End('failed', reason='Slurm job 11_1 trains here with other options'),
    }
    assert not (slurm / 'script_12').exists()


def test_a_queue_that_does_not_answer_ends_nothing(slurm, tmp_path):
    (run,) = runs(tmp_path, 1)
    it = executor(tmp_path)
    it.check([run])
    it.start([run])
    (slurm / 'squeue').write_text('#!/bin/sh\necho "squeue: error: slurm_receive" >&2; exit 1\n')
    assert it.poll() == {}


def test_what_slurm_refuses_is_one_line(slurm, tmp_path):
    (run,) = runs(tmp_path, 1)
    with pytest.raises(
        UserError, match='partition gpu does not exist; known are short, long: --sl'
    ):
        executor(tmp_path, options={'partition': 'gpu'}).check([run])
    with pytest.raises(UserError, match='time=soon is not a time as Slurm takes it'):
        executor(tmp_path, options={'time': 'soon'}).check([run])
    it = executor(tmp_path)
    it.check([run])
    (slurm / 'refuse').write_text('')
    with pytest.raises(UserError, match='sbatch: Invalid account$'):
        it.start([run])


@pytest.mark.parametrize(
    'limit, expected',
    [
        ('90', 90),
        ('30:00', 30),
        ('30:01', 31),
        ('1:30:00', 90),
        ('2-0', 2880),
        ('1-12:00:00', 2160),
        ('infinite', YEAR_MIN),
    ],
)
def test_time_limits(limit, expected):
    assert minutes(limit) == expected
