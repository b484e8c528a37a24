"""kill -9 at any moment, and the resumed training ends as one that never stopped, bit by bit."""

import random
import time

import pytest
from resumable import NAMES, Start, digest, logged, short, voc

ITERS = 12
# (loader workers, ranks, kills): ten for each method
RUNS = [(0, 1, 2), (2, 1, 2), (4, 1, 1), (0, 2, 2), (2, 2, 2), (4, 2, 1)]


@pytest.mark.slow
@pytest.mark.parametrize('method', NAMES)
def test_ten_kills(method, config, recorded, at, tmp_path, quick):
    recorded(at(voc(tmp_path, method)))
    chance = random.Random(method)
    whole = {}
    for ranks in (1, 2):
        folder = tmp_path / f'whole-{ranks}'
        start = Start(short(config(NAMES[method]), folder, ITERS), ranks)
        assert start.end() == [0] * ranks, open(start.out).read()[-3000:]
        whole[ranks] = digest(folder, ITERS), logged(folder), start.ticks
    kills = 0
    for workers, ranks, wanted in RUNS:
        folder = tmp_path / f'{workers}-{ranks}'
        sums, losses, ticks = whole[ranks]
        cfg = short(config(NAMES[method]), folder, ITERS, workers=workers)
        start, killed = Start(cfg, ranks), 0
        while killed < wanted:
            at_tick, later = chance.randint(1, ticks // 3), chance.uniform(0, 0.2)
            assert start.wait_for(at_tick), open(start.out).read()[-3000:]
            time.sleep(later)
            if -9 not in start.kill():
                break  # too late: it had ended
            killed += 1
            print(f'{method}, {workers=}, {ranks=}: killed at tick {at_tick} + {later:.2f} s')
            start = Start(cfg, ranks, resume=True)
        assert start.end() == [0] * ranks, open(start.out).read()[-3000:]
        assert killed, 'the training was too fast to be killed'
        assert digest(folder, ITERS) == sums, (workers, ranks)
        assert logged(folder) == losses, (workers, ranks)
        kills += killed
    print(f'{method}: {kills} kills, SHA-256 {whole[1][0][:16]} (1 rank), {whole[2][0][:16]} (2)')
    assert kills >= 9
