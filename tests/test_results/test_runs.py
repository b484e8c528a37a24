"""Reading run folders: whole ones, broken ones, silent ones."""

import functools
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from bare_runs import make_bare

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.runs import BrokenRunError, gather, read_record, read_run
from mmseg_plugins.results.scalars import read_curve


def edit(folder, **changes):
    path = folder / 'run.json'
    record = json.loads(path.read_text())
    for key, value in changes.items():
        if value is ...:
            del record[key]
        else:
            record[key] = value
    path.write_text(json.dumps(record))


def as_nobody(script, folder):
    """Run a script without root's right to read everything; its output.

    The imports come before the rights go: an environment may lie where only root can read.
    """
    if os.getuid() == 0:
        for path in (folder, *folder.parents):
            if path.stat().st_mode & 0o005 != 0o005 and path != path.parent:
                path.chmod(path.stat().st_mode | 0o055)
        head, script = script.split('found', 1)
        script = f'{head}\nimport os\nos.setgroups([])\nos.setuid(65534)\nfound{script}'
    done = subprocess.run([sys.executable, '-c', LIGHT + script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


# The package without its registries, as tools/gather_results.py loads it.
LIGHT = """
import importlib.util, sys
spec = importlib.util.find_spec('mmseg_plugins')
sys.modules['mmseg_plugins'] = importlib.util.module_from_spec(spec)
"""


def test_a_run(tmp_path, make_run):
    run = read_run(make_run(tmp_path, miou=(40.0, 50.0)) / 'run.json')
    assert run.record['metrics']['last']['mIoU'] == 50.0
    # Clocks, counters and classes are no curves; rows of one iteration are one.
    assert set(run.curve) == {'iter', 'lr', 'loss', 'mIoU'}
    assert run.curve['iter'].tolist() == [100, 200]
    assert run.curve['mIoU'].tolist() == [40.0, 50.0]


def test_a_run_that_logged_nothing(tmp_path, make_run):
    folder = make_run(tmp_path, miou=(), status='failed')
    shutil.rmtree(folder / 'vis_data')
    assert len(read_run(folder / 'run.json').curve) == 0


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'schema': 2}, 'has schema 2, newer than 1: update mmseg_plugins'),
        ({'schema': ...}, "is not a run record: it has no 'schema'"),
        ({'status': ..., 'seed': ...}, "lacks 'seed', 'status'"),
        ({'status': 'asleep'}, "has status = 'asleep', expected one of running"),
        (
            {'protocol': {'labelled_images': '12'}},
            "has protocol.labelled_images = '12', expected a number",
        ),
        ({'protocol': {'iterations': True}}, 'has protocol.iterations = True, expected a number'),
        ({'iters_done': '7'}, "has iters_done = '7', expected a whole number"),
        ({'wall_s': '1 h'}, "has wall_s = '1 h', expected a number"),
        ({'label_seed': [1]}, 'has label_seed = [1], expected a whole number'),
        ({'updated': 'now'}, "has updated = 'now', expected a time as 2026-01-31T12:00:00Z"),
        ({'metrics': {'last': {'iter': 1, 'mIoU': 'x'}}}, 'has no valid result in metrics.last'),
        (
            {'metrics': {'best': {'iter': 1, 'mIoU': 140.0}}},
            'has metrics.best: mIoU = 140.0, outside 0 to 100 (percent)',
        ),
        (
            {'metrics': {'last': {'iter': 1, 'mIoU': 1.0, 'iou_per_class': {'a': -3}}}},
            'has metrics.last: a = -3, outside 0 to 100 (percent)',
        ),
        (
            {'cell': None, 'protocol': dict(cell='a/b/c', benchmark='x', method='b', network='c')},
            "has a protocol that contradicts itself: cell 'a/b/c', but benchmark, method and "
            "network say 'x/b/c'",
        ),
        (
            {'data': {'benchmark': 'voc_classic_92'}},
            "has a protocol that contradicts its data set: benchmark is 'shapes_12', but the "
            "training read the lists of 'voc_classic_92'",
        ),
        (
            {'data': {'labelled_images': 50}},
            'has a protocol that contradicts its data set: labelled_images is 12, but the training '
            'had 50',
        ),
        ({'iters_done': 10**400}, 'holds the number 1000'),
        ({'run_id': 'a\x00'}, 'holds the character NUL'),
        ({'config': '\ud800'}, 'holds half a character'),
    ],
)
def test_broken_records(tmp_path, make_run, changes, reason):
    folder = make_run(tmp_path)
    edit(folder, **changes)
    with pytest.raises(BrokenRunError) as caught:
        read_record(folder / 'run.json')
    assert caught.value.args[0].startswith(reason)


@pytest.mark.parametrize('content', [b'', b'{"schema": 1, "run', b'\xff\xfe\x00', b'[]'])
def test_files_that_are_no_record(tmp_path, content):
    (tmp_path / 'run.json').write_bytes(content)
    with pytest.raises(BrokenRunError, match='is truncated or not JSON|is not a run record'):
        read_record(tmp_path / 'run.json')


@pytest.mark.parametrize(
    ('record', 'metric'),
    [('NaN', None), ('Infinity', None), ('-Infinity', None), ('1e999', None), ('7e0', 7.0)],
)
def test_numbers_that_are_not_finite_are_gaps(tmp_path, make_run, record, metric):
    path = make_run(tmp_path, miou=(41.5,)) / 'run.json'
    path.write_text(path.read_text().replace('41.5', record))
    assert read_record(path)['metrics']['last']['mIoU'] == metric
    scalars = path.parent / 'vis_data' / 'scalars.json'
    scalars.write_text(scalars.read_text().replace('41.5', record))
    curve = read_curve(scalars)
    assert curve.problem == '' and np.isnan(curve['mIoU']).tolist() == [metric is None]


def test_a_key_twice_is_broken(tmp_path, make_run):
    path = make_run(tmp_path) / 'run.json'
    path.write_text(path.read_text().replace('"status"', '"status": "failed", "status"'))
    with pytest.raises(BrokenRunError, match="has the key 'status' twice"):
        read_record(path)


@pytest.mark.parametrize('tail', [b'\x00\x00', b'{"loss": 0.', b'[1, 2]', b'{"loss": 1.0}'])
def test_half_a_last_line(tmp_path, make_run, tail):
    # What a killed process leaves, and what one that is writing shows, is no fault of the file.
    folder = make_run(tmp_path, status='interrupted')
    scalars = folder / 'vis_data' / 'scalars.json'
    scalars.write_bytes(scalars.read_bytes() + tail)
    assert read_run(folder / 'run.json').curve['iter'].tolist() == [100, 200]
    # In a finished run it is one: the file has been cut.
    edit(folder, status='finished')
    with pytest.raises(BrokenRunError) as caught:
        read_run(folder / 'run.json')
    assert caught.value.path == scalars and caught.value.reason.startswith('is truncated: it ends')


@pytest.mark.parametrize(
    ('line', 'what'),
    [
        (b'{"loss": 0.', "is '"),
        (b'\xff\xfe', 'is '),
        (b'{"mIoU": 1, "mIoU": 2, "step": 300}', "has 'mIoU' twice"),
        (b'{"step": 1e999}', 'is '),
        (b'[' * 50_000, 'is '),
    ],
)
def test_scalars_with_an_unreadable_line(tmp_path, make_run, line, what):
    folder = make_run(tmp_path)
    scalars = folder / 'vis_data' / 'scalars.json'
    whole = scalars.read_bytes().splitlines(keepends=True)
    scalars.write_bytes(b''.join([*whole[:2], line + b'\n', *whole[2:]]))
    curve = read_curve(scalars)
    assert curve.problem.startswith(f'is truncated or not JSON lines: line 3 of 5 {what}')
    # The record is all that the row needs, so the run is not lost; the file is reported once.
    found = gather([tmp_path])
    assert [run.record['metrics']['last']['mIoU'] for run in found.runs] == [50.0]
    assert [path for path, _ in found.broken] == [scalars] and found.runs[0].problem


def test_a_score_out_of_range_in_the_curve(tmp_path, make_run):
    scalars = make_run(tmp_path) / 'vis_data' / 'scalars.json'
    scalars.write_text(scalars.read_text().replace('"mIoU": 40.0', '"mIoU": 140.0'))
    assert read_curve(scalars).problem == (
        'has mIoU = 140 at iteration 100, outside 0 to 100 (percent)'
    )


def test_broken_ones_do_not_hide_the_others(tmp_path, make_run):
    good = make_run(tmp_path / 'good')
    bad = make_run(tmp_path / 'bad', seed=1)
    worse = make_run(tmp_path / 'worse', seed=2)
    (bad / 'run.json').write_text('{"schema"')
    (worse / 'run.json').write_bytes(b'\xff' * 100)
    link = tmp_path / 'link'
    link.symlink_to(tmp_path / 'good')
    found = gather([tmp_path, tmp_path / 'good', link])  # overlapping roots are read once
    assert [run.folder for run in found.runs] == [good]
    assert [path for path, _ in found.broken] == [bad / 'run.json', worse / 'run.json']


@pytest.mark.parametrize('name', ['', 'run.json', 'vis_data', 'vis_data/scalars.json'])
def test_what_may_not_be_read_is_told(tmp_path, make_run, name):
    make_run(tmp_path / 'good')
    closed = make_run(tmp_path / 'closed', seed=1) / name
    mode = closed.stat().st_mode
    script = f"""
from mmseg_plugins.results.runs import gather
found = gather([{str(tmp_path)!r}])
print(len(found.runs), *(f'{{path}} {{reason}}' for path, reason in found.broken), sep='|')
"""
    closed.chmod(0)
    try:
        done = as_nobody(script, tmp_path)
    finally:
        closed.chmod(mode)
    rows, told = done.strip().split('|')
    told, _, reason = told.partition(' cannot be read: ')
    # A record that can be read gives its row.
    assert rows == ('2' if 'vis_data' in name else '1') and reason.startswith('Permission denied')
    assert told == str(closed / 'scalars.json' if name == 'vis_data' else closed)


def test_a_folder_that_goes_away_while_it_is_read(tmp_path, make_run, monkeypatch):
    make_run(tmp_path / 'a')
    gone = make_run(tmp_path / 'b', seed=1)
    whole = os.scandir

    def scandir(path):
        if path == str(gone.parent):
            shutil.rmtree(gone.parent)
        return whole(path)

    monkeypatch.setattr(os, 'scandir', scandir)
    found = gather([tmp_path])
    assert len(found.runs) == 1 and not found.broken


@pytest.mark.parametrize('file', ['run.json', 'vis_data/config.py', 'vis_data/scalars.json'])
def test_a_file_that_goes_away_while_it_is_read(tmp_path, make_run, monkeypatch, file):
    make_run(tmp_path / 'a')
    make_bare(tmp_path / 'b')
    make_run(tmp_path / 'c', seed=1)
    gone = next((tmp_path / ('c' if file == 'run.json' else 'b')).glob(f'*/{file}'))
    readers = {name: getattr(Path, name) for name in ('read_text', 'read_bytes')}

    def read(path, *args, name, **options):
        if path == gone:
            path.unlink(missing_ok=True)
        return readers[name](path, *args, **options)

    for name in readers:
        monkeypatch.setattr(Path, name, functools.partialmethod(read, name=name))
    found = gather([tmp_path])
    assert len(found.runs) == 2 and not found.broken


def test_a_record_that_is_a_dead_link_is_told(tmp_path, make_run):
    make_run(tmp_path / 'a')
    record = make_run(tmp_path / 'b', seed=1) / 'run.json'
    record.unlink()
    record.symlink_to('nowhere')
    found = gather([tmp_path])
    assert found.broken == [(record, 'cannot be read: No such file or directory')]


def test_no_runs(tmp_path):
    with pytest.raises(UserError, match=f'no run.json below {tmp_path}; pass'):
        gather([tmp_path])
    with pytest.raises(UserError, match='missing is not a folder'):
        gather([tmp_path / 'missing'])


def test_silence_makes_a_run_stale(tmp_path, make_run):
    started = '2001-01-01T00:00:00Z'
    for seed, changes in enumerate(({}, {'heartbeat_s': 3600.0}, {'status': 'failed'})):
        changes = {'status': 'running', **changes}
        make_run(tmp_path / str(seed), seed=seed, started=started, **changes)
    for minutes, first, slow in ((14, 'running', 'running'), (16, 'stale', 'running')):
        now = datetime(2001, 1, 1, 0, minutes, tzinfo=UTC)
        found = {
            run.record['seed']: run.record['status'] for run in gather([tmp_path], now=now).runs
        }
        assert found == {0: first, 1: slow, 2: 'failed'}
    now = datetime(2001, 1, 1, 6, tzinfo=UTC)
    assert [r.record['status'] for r in gather([tmp_path], now=now).runs].count('stale') == 2
