"""Six short runs through a real Slurm, some disturbed, against the same list run here."""

import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import pytest
from slurm_cluster import SlurmCluster, missing

from mmseg_plugins.results.record_file import read_record

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing() or 'there')]

LIMIT_S = 1500
# what differs between two runs of the same training
TIMES = ['run_id', 'images_per_s', 'peak_mib', 'wall_s', 'started', 'ended']
SHORT = [
    'train_cfg.max_iters=40',
    'train_cfg.val_interval=20',
    'default_hooks.checkpoint.interval=10',
    'default_hooks.logger.interval=2',
    'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'val_dataloader.num_workers=0',
    'val_dataloader.persistent_workers=False',
]


@pytest.fixture
def cluster():
    with tempfile.TemporaryDirectory(prefix='slurm', dir='/tmp') as folder:
        with SlurmCluster(Path(folder) / 'c') as cluster:
            yield cluster


@pytest.fixture
def launcher(root, cluster, tmp_path):
    """Starts tools/launch.py on the list of six, with its output in a file."""
    started = []

    def start(executor: str, *args: str) -> subprocess.Popen:
        command = [
            *(sys.executable, str(root / 'tools/launch.py'), '--benchmark', 'shapes_12'),
            *('--method', 'suponly', '--method', 'cutmix', '--seeds', '0,1,2', '--jobs', '2'),
            *('--executor', executor, '--work-dirs', str(tmp_path / executor), '--threads', '1'),
            *(*args, '--cfg-options', *SHORT),
        ]
        with open(tmp_path / f'{executor}.txt', 'a') as log:
            started.append(
                subprocess.Popen(
                    command, cwd=root, env=cluster.env, stdout=log, stderr=subprocess.STDOUT
                )
            )
        return started[-1]

    if not (root / 'data/shapes').is_dir():
        subprocess.run([sys.executable, root / 'tools/prepare_data.py', 'shapes'], cwd=root)
    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def saved_jobs(work_dirs: Path) -> list[str]:
    """The jobs whose run has a checkpoint."""
    return [
        json.loads((path.parent / 'slurm.json').read_text())['job']
        for path in work_dirs.glob('*/seed*/last_checkpoint')
    ]


def gathered(root, tmp_path, executor) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """The gathered rows and logged curves, without what may differ."""
    out = tmp_path / f'results_{executor}'
    gather = [sys.executable, str(root / 'tools/gather_results.py'), str(tmp_path / executor)]
    subprocess.run([*gather, '--out', str(out)], cwd=root, check=True)
    table = pd.read_csv(out / 'runs.csv').sort_values(['config', 'seed']).reset_index(drop=True)
    curves = [pd.read_csv(out / 'curves' / f'{run_id}.csv') for run_id in table['run_id']]
    curves = [curve.loc[:, ~curve.columns.str.contains('time|memory')] for curve in curves]
    return table.drop(columns=TIMES), curves


def test_an_array_is_capped_disturbed_and_ends_as_the_same_list_does_here(
    root, cluster, launcher, tmp_path
):
    process = launcher('slurm', '--slurm', 'time=30')
    log = tmp_path / 'slurm.txt'
    until = time.monotonic() + LIMIT_S
    most, cancelled, warned, left = 0, '', '', False
    while process.poll() is None:
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.5)
        running = [job for job, state in cluster.jobs().items() if state == 'RUNNING']
        most = max(most, len(running))
        ready = [job for job in saved_jobs(tmp_path / 'slurm') if job in running]
        if not cancelled and ready:
            cancelled = ready[0]
            cluster.ask('scancel', cancelled)
        elif cancelled and not warned and (others := [job for job in ready if job != cancelled]):
            warned = others[0]
            # what Slurm sends before a time limit; scancel waits in vain when the job is requeued
            cluster.leave('scancel', '--signal=USR2', warned)
        elif warned and not left and f'requeued as Slurm job {cancelled}' in log.read_text():
            left = True
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
            process = launcher('slurm', '--slurm', 'time=30')
    status = process.returncode
    output = log.read_text()
    print(output)
    assert status == 0 and left, output
    assert most == 2
    assert 'is Slurm job' in output  # found by the second launcher, not submitted again
    assert output.count('submitted as Slurm job') == 6
    resumed = set()
    for work_dir in (tmp_path / 'slurm').glob('*/seed*'):
        records = [read_record(path) for path in sorted(work_dir.glob('*/run.json'))]
        assert records[-1]['status'] == 'finished'
        assert [record['status'] for record in records[:-1]] == ['interrupted'] * (len(records) - 1)
        if len(records) > 1:
            assert records[-1]['resumed_from'] >= 10
            resumed.add(json.loads((work_dir / 'slurm.json').read_text())['job'])
    assert resumed == {cancelled, warned}
    assert len(list((tmp_path / 'slurm/slurm').glob('*_log.out'))) == 6

    assert launcher('local').wait(LIMIT_S) == 0, (tmp_path / 'local.txt').read_text()
    here, losses_here = gathered(root, tmp_path, 'local')
    there, losses_there = gathered(root, tmp_path, 'slurm')
    assert len(here) == 6 and set(here['status']) == {'finished'}
    pd.testing.assert_frame_equal(there, here, check_exact=True)
    # the scores of so short a training hardly differ; its losses do
    for curve_there, curve_here in zip(losses_there, losses_here, strict=True):
        assert curve_here['loss'].nunique() > 5
        pd.testing.assert_frame_equal(curve_there, curve_here, check_exact=True)
