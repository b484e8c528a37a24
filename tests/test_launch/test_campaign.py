"""The scheduling, without a training: a simulated campaign through the launcher's own loop."""

import random
import time
import tracemalloc
from collections import Counter
from dataclasses import dataclass

import pytest
from rich.console import Console

from mmseg_plugins.launch import Campaign, End, drive
from mmseg_plugins.launch.progress import Progress

ITERATIONS = 100


@dataclass(frozen=True)
class SimulatedRun:
    config: int
    seed: int

    @property
    def name(self) -> str:
        return f'{self.config} seed {self.seed}'


class Simulation:
    """An executor whose runs advance at random, fail, and are pre-empted.

    Some configs always fail, some are always killed at the same iteration.
    """

    poll_s = 0.5
    left = 'interrupted'

    def __init__(self, jobs: int) -> None:
        self.random = random.Random(0)
        self.jobs = jobs
        self.active = {}
        self.checkpoint = Counter()
        self.finished = Counter()
        self.most = 0

    def room(self, run):
        if len(self.active) >= self.jobs:
            return False
        self.active[run] = None
        self.most = max(self.most, len(self.active))
        return True

    def start(self, runs):
        started = {run: 'starts' for run in runs}
        for run in runs:
            if self.random.random() < 0.02:  # the log is locked, the disk is full
                started[run] = End('failed', reason='cannot write')
                del self.active[run]
            else:
                self.active[run] = self.checkpoint[run]
        return started

    def poll(self):
        ended = {}
        for run, done in list(self.active.items()):
            done = self.active[run] = done + self.random.randint(0, 40)
            if run.config % 50 == 7:
                ended[run] = End('failed', done, 'loss is nan')
            elif run.config % 50 == 9 and done >= 30:
                ended[run] = End('interrupted', 30, 'killed by SIGKILL')
            elif done >= ITERATIONS:
                self.finished[run] += 1
                ended[run] = End('done', ITERATIONS)
            elif self.random.random() < 0.3:
                self.checkpoint[run] = done // 10 * 10
                ended[run] = End('interrupted', done, 'received SIGTERM')
        for run in ended:
            del self.active[run]
        return ended

    def notes(self):
        return {run: ('running', f'iteration {done}') for run, done in self.active.items()}

    def stop(self):
        self.active.clear()


def quiet() -> Progress:
    return Progress(Console(quiet=True))


def test_five_hundred_configs_with_three_seeds_end_once_each_or_are_reported():
    runs = [SimulatedRun(config, seed) for seed in range(3) for config in range(500)]
    simulation = Simulation(jobs=64)
    looks = []
    tracemalloc.start()
    campaign = Campaign(runs)
    started = time.process_time()
    drive(campaign, simulation, quiet(), pause=looks.append)
    seconds, (_, peak) = time.process_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()

    entries = campaign.entries
    assert campaign.over and campaign.counts['done'] + campaign.counts['failed'] == 1500
    for run, entry in entries.items():
        assert simulation.finished[run] == (entry.status == 'done')
        if entry.status == 'failed':
            assert entry.note
    assert all(entries[run].status == 'failed' for run in runs if run.config % 50 in (7, 9))
    killed = [entry.note for entry in entries.values() if entry.note.startswith('killed')]
    assert killed and set(killed) == {'killed by SIGKILL (4 times without coming further)'}
    assert simulation.most == 64
    assert sum(entry.starts for entry in entries.values()) > 2000  # many were pre-empted
    print(f'{len(looks)} looks, {seconds:.2f} s with tracing, {peak / 2**20:.1f} MiB')
    assert seconds < 5 and peak < 8 * 2**20


def test_whatever_ends_the_launcher_leaves_every_run_to_go_on_with():
    runs = [SimulatedRun(config, 0) for config in range(20)]
    simulation = Simulation(jobs=4)
    campaign = Campaign(runs)

    def interrupt(_):
        if campaign.counts['done'] > 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(campaign, simulation, quiet(), pause=interrupt)
    assert not simulation.active and not campaign.running
    assert 'interrupted' in {entry.note for entry in campaign.entries.values()}
    assert campaign.counts['queued'] == 20 - campaign.counts['done'] - campaign.counts['failed']
    drive(campaign, simulation, quiet(), pause=lambda _: None)
    assert campaign.over and max(simulation.finished.values()) == 1


def test_a_run_that_comes_further_is_never_given_up():
    campaign = Campaign(['a'], retries=1)
    for iteration in range(1, 30):
        campaign.start()
        assert campaign.end('a', End('interrupted', iteration, 'pre-empted')).status == 'queued'
    campaign.start()
    assert campaign.end('a', End('interrupted', 29, 'pre-empted')).status == 'queued'
    campaign.start()
    assert campaign.end('a', End('interrupted', 5, 'pre-empted')).status == 'failed'


def test_a_run_cannot_end_twice_or_be_listed_twice():
    campaign = Campaign(['a', 'b'])
    assert campaign.start() == 'a'
    campaign.end('a', End('done'))
    with pytest.raises(ValueError, match='a ended and was done'):
        campaign.end('a', End('done'))
    with pytest.raises(ValueError, match='twice'):
        Campaign(['a', 'a'])


def test_the_terminal_table_says_where_every_run_is():
    runs = [SimulatedRun(config, 0) for config in range(5)]
    campaign = Campaign(runs)
    for _ in range(3):
        campaign.start()
    campaign.end(runs[0], End('done', reason='mIoU 41.50'))
    campaign.end(runs[1], End('failed', reason='loss is nan'))
    console = Console(force_terminal=True, width=80, height=30, record=True, color_system=None)
    progress = Progress(console)
    with console.capture() as shown:
        console.print(
            progress._table(
                [
                    (
                        run.name,
                        *{runs[2]: ('running', 'iteration 5/10')}.get(run, (e.status, e.note)),
                    )
                    for run, e in campaign.entries.items()
                ]
            )
        )
    lines = [' '.join(line.split()) for line in shown.get().splitlines()]
    assert lines[1:4] == [
        '2 seed 0 running iteration 5/10',
        '1 seed 0 failed loss is nan',
        '3 seed 0 queued',
    ]
    assert lines[-1] == '1 running, 1 failed, 2 queued, 1 done'
