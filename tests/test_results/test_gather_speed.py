"""Ten thousand run folders: gathered in under 60 s and 1 GB, in under 10 s when unchanged."""

import json
import os
import subprocess
import sys
import time

import pytest

RUNS, LONG, VALIDATIONS = 10_000, 100, 1000
METHODS = ('suponly', 'cutmix', 'corrmatch', 'cutout')


def make_many(work, make_run):
    """Whole runs of 5 validations, and some of 1000 with 20 classes and as many training rows."""
    for number in range(RUNS):
        method, benchmark = METHODS[number % 4], f'voc_classic_{number // 4 % 25}'
        config = f'{method}_net_4xb2u2_{benchmark}-321'
        folder = make_run(
            work / config / f'seed{number // 100}',
            miou=tuple(40.0 + step / 10 for step in range(5)),
            config=config,
            method=method,
            benchmark=benchmark,
            seed=number // 100,
        )
        if number % (RUNS // LONG) == 0:
            with open(folder / 'vis_data' / 'scalars.json', 'w') as file:
                for step in range(100, 100 * VALIDATIONS + 1, 100):
                    train = {'lr': 0.01, 'loss': 100 / step, 'mask_ratio': 0.5, 'iter': step}
                    scores = {'mIoU': 50.0} | {f'IoU.class{c}': 50.123456789 for c in range(20)}
                    file.write(json.dumps(train | {'step': step}) + '\n')
                    file.write(json.dumps(scores | {'step': step}) + '\n')


# The peak of this program alone: what ru_maxrss says of a child counts the parent's pages too.
MEASURED = """
import atexit, pathlib, runpy, sys
status = pathlib.Path('/proc/self/status')
atexit.register(lambda: print(status.read_text().split('VmHWM:')[1].split()[0]))
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def gather(root, work, out):
    """Seconds and MiB of one call, and its last line."""
    start = time.perf_counter()
    tool = root / 'tools' / 'gather_results.py'
    done = subprocess.run(
        [sys.executable, '-c', MEASURED, str(tool), str(work), '--out', str(out)],
        capture_output=True,
        text=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': f'{root}:{root}/tools'},
    )
    seconds = time.perf_counter() - start
    assert done.returncode == 0, done.stderr[-2000:]
    *_, closing, peak = done.stdout.splitlines()
    return seconds, int(peak) // 1024, closing


@pytest.mark.slow
def test_ten_thousand_runs(root, tmp_path, make_run):
    make_many(tmp_path / 'work', make_run)
    for limit in (60, 10):
        seconds, peak, closing = gather(root, tmp_path / 'work', tmp_path / 'results')
        print(f'{seconds:.1f} s (limit {limit}), {peak} MiB: {closing}')
        assert closing.startswith('10000 finished, 0 running')
        assert seconds < limit and peak < 1000
    assert len(list((tmp_path / 'results' / 'curves').iterdir())) == RUNS
