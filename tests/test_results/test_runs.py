"""Reading run folders: whole ones, broken ones, resumed ones, copies."""

import json
import shutil

import pytest

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.runs import BrokenRunError, gather, read_record, read_run, read_scalars


def edit(folder, **changes):
    path = folder / 'run.json'
    record = json.loads(path.read_text())
    for key, value in changes.items():
        if value is ...:
            del record[key]
        else:
            record[key] = value
    path.write_text(json.dumps(record))


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
            "has protocol.labelled_images = '12', expected a",
        ),
        ({'protocol': {'iterations': True}}, 'has protocol.iterations = True, expected a number'),
        ({'iters_done': '7'}, "has iters_done = '7', expected int"),
        ({'metrics': {'last': {'iter': 1, 'mIoU': 'x'}}}, 'has no valid result in metrics.last'),
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


@pytest.mark.parametrize('tail', [b'{"loss": 0.', b'\x00\x00', b'[1, 2]', b'{"loss": 1.0}'])
def test_truncated_scalars(tmp_path, make_run, tail):
    scalars = make_run(tmp_path) / 'vis_data' / 'scalars.json'
    scalars.write_bytes(scalars.read_bytes() + tail)
    with pytest.raises(BrokenRunError, match='line 5 of 5'):
        read_scalars(scalars)


def test_nan_in_scalars_is_a_gap(tmp_path, make_run):
    scalars = make_run(tmp_path, miou=(40.0, float('nan'), 50.0)) / 'vis_data' / 'scalars.json'
    curve = read_scalars(scalars)
    assert curve['mIoU'].isna().tolist() == [False, True, False]


def test_broken_ones_do_not_hide_the_others(tmp_path, make_run):
    good = make_run(tmp_path / 'good')
    bad = make_run(tmp_path / 'bad', seed=1)
    worse = make_run(tmp_path / 'worse', seed=2)
    (bad / 'run.json').write_text('{"schema"')
    with open(worse / 'vis_data' / 'scalars.json', 'a') as file:
        file.write('{"loss":')
    found = gather([tmp_path, tmp_path / 'good'])  # overlapping roots are read once
    assert [run.folder for run in found.runs] == [good]
    assert [path for path, _ in found.broken] == [
        bad / 'run.json',
        worse / 'vis_data' / 'scalars.json',
    ]


def test_no_runs(tmp_path):
    with pytest.raises(UserError, match=f'no run.json below {tmp_path}; pass'):
        gather([tmp_path])
    with pytest.raises(UserError, match='missing is not a folder'):
        gather([tmp_path / 'missing'])


def test_a_resumed_run_is_one_run(tmp_path, make_run):
    # 300 of 400 iterations, best at 200; the checkpoint at 100 is what the second start had.
    first = dict(miou=(40.0, 60.0, 41.0), status='failed', iters_planned=400, peak_mib=1000)
    make_run(tmp_path, **first, run_id='first')
    second = dict(miou=(45.0, 44.0, 43.0), start=100, started='2001-01-02T00:00:00Z')
    make_run(tmp_path, **second, run_id='second')
    # Another start from scratch in the same work dir is another run, and so is another seed.
    make_run(tmp_path, miou=(30.0,), started='2001-01-03T00:00:00Z', run_id='third')
    make_run(tmp_path, miou=(31.0,), start=100, seed=4, started='2001-01-04T00:00:00Z')

    runs = {run.record['run_id']: run for run in gather([tmp_path]).runs}
    assert len(runs) == 3
    run = runs['first']
    assert run.merged == ('first', 'second') and run.folder.name == '20010102_000000'
    assert run.record['status'] == 'finished' and run.record['iters_done'] == 400
    assert run.record['started'] == '2001-01-01T00:00:00Z'
    assert run.record['metrics']['last']['mIoU'] == 43.0
    # The 60 was reached after the checkpoint and is not part of this run's history.
    assert run.record['metrics']['best']['mIoU'] == 45.0
    assert (run.record['wall_s'], run.record['peak_mib']) == (151.0, 1000)
    assert run.curve['iter'].tolist() == [100, 200, 300, 400]
    assert run.curve['mIoU'].tolist() == [40.0, 45.0, 44.0, 43.0]
    assert runs['third'].merged == ('third',)


def test_a_resumed_run_remembers_the_best_before_the_checkpoint(tmp_path, make_run):
    make_run(tmp_path, miou=(55.0, 60.0), status='interrupted')
    make_run(tmp_path, miou=(), start=100, started='2001-01-02T00:00:00Z', status='running')
    (run,) = gather([tmp_path]).runs
    assert (run.record['metrics']['best']['iter'], run.record['metrics']['best']['mIoU']) == (
        100,
        55.0,
    )
    assert run.record['metrics']['last'] is None  # at 200, beyond the checkpoint


def test_a_run_resumed_twice(tmp_path, make_run):
    for day, start, miou in ((1, 0, (10.0,)), (2, 100, (20.0,)), (3, 200, (30.0,))):
        make_run(tmp_path, miou=miou, start=start, started=f'2001-01-0{day}T00:00:00Z')
    (run,) = gather([tmp_path]).runs
    assert len(run.merged) == 3 and run.curve['mIoU'].tolist() == [10.0, 20.0, 30.0]


def test_what_continues_an_unreadable_run_is_broken(tmp_path, make_run):
    parts = ((1, 0, (10.0,)), (2, 100, (20.0,)), (3, 200, (30.0,)), (4, 300, (40.0,)))
    folders = [
        make_run(tmp_path, miou=miou, start=start, started=f'2001-01-0{day}T00:00:00Z')
        for day, start, miou in parts
    ]
    (folders[1] / 'run.json').write_text('{"schema"')
    again = make_run(tmp_path, miou=(50.0,), started='2001-01-05T00:00:00Z')  # from scratch
    make_run(tmp_path, miou=(60.0,), start=100, started='2001-01-06T00:00:00Z')
    found = gather([tmp_path])
    assert [path.parent for path, _ in found.broken] == folders[1:4]
    assert found.broken[1][1] == found.broken[2][1] == 'continues a run that cannot be read'
    merged = {run.merged[0][-15:]: len(run.merged) for run in found.runs}
    assert merged == {folders[0].name: 1, again.name: 2}


def test_copies_count_once(tmp_path, make_run):
    old = make_run(tmp_path / 'a', run_id='same', miou=(40.0,))
    new = make_run(tmp_path / 'b', run_id='same', updated='2002-01-01T00:00:00Z')
    found = gather([tmp_path])
    assert [run.folder for run in found.runs] == [new]
    assert found.duplicates == [('same', new, old)]
