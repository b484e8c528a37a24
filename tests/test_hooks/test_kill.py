"""A training that is killed without notice leaves a record that can be read and is true."""

import os
import random
import signal
import struct
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mmseg_plugins.results.record_file import moment, read_record
from mmseg_plugins.results.runs import gather

KILLS = 20


@pytest.mark.slow
def test_twenty_kills(tmp_path):
    """The record never runs ahead of the training, nor more than one iteration behind it."""
    script = Path(__file__).with_name('tiny_training.py')
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    command = [sys.executable, str(script), str(tmp_path), 'endless', str(KILLS)]
    chance = random.Random(0)
    pipe = dict(stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True)
    with subprocess.Popen(command, **pipe) as parent:
        try:
            for number in range(KILLS):
                folder = tmp_path / str(number)
                pid = int(
                    next(line for line in parent.stdout if line.startswith('pid ')).split()[1]
                )
                while not list(folder.glob('*/run.json')):
                    time.sleep(0.01)
                time.sleep(chance.uniform(0, 1))
                os.kill(pid, signal.SIGKILL)
                next(line for line in parent.stdout if line.startswith('gone '))
                check(folder)
            parent.wait(60)
        except BaseException:
            os.killpg(parent.pid, signal.SIGKILL)  # or the next training would never end
            raise
    assert parent.returncode == 0
    # Nobody has heard of them since: all are stale.
    found = gather([tmp_path], now=datetime.now(UTC) + timedelta(hours=1))
    assert [run.record['status'] for run in found.runs] == ['stale'] * KILLS and not found.broken


def check(folder):
    (path,) = folder.glob('*/run.json')
    record = read_record(path)
    # What the training itself counted, in memory that outlives it: begun iterations, scores.
    begun, scored = struct.unpack('qq', (folder / 'counted').read_bytes())
    done = record['iters_done']
    print(f'killed in iteration {begun}: {done} recorded, {scored} validations')
    assert record['status'] == 'running' and record['ended'] is None and record['reason'] is None
    assert begun - 1 <= done <= begun
    last = record['metrics']['last']
    validated = 0 if last is None else last['iter'] // 2
    assert scored - 1 <= validated <= scored
    assert last is None or (last['iter'] <= done and last['mIoU'] == validated % 100)
    silence = (datetime.now(UTC) - moment(record['updated'])).total_seconds()
    assert 0 <= silence < 60 and 0 <= record['wall_s'] < 600
