"""Starts that continue each other, copies, and claims to one id."""

import json
import shutil

import numpy as np

from mmseg_plugins.results.runs import gather
from mmseg_plugins.results.scalars import Curve, join_curves


def edit(folder, **changes):
    path = folder / 'run.json'
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


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


def test_a_start_that_was_refused_is_not_what_is_continued(tmp_path, make_run):
    make_run(tmp_path, miou=(55.0, 60.0), run_id='1', status='interrupted', iters_planned=300)
    # refused for its data, before it had read its checkpoint
    refused = dict(miou=(), run_id='2', status='failed', reason='no such list', iters_planned=300)
    make_run(tmp_path, **refused, started='2001-01-02T00:00:00Z')
    make_run(tmp_path, miou=(50.0,), start=200, run_id='3', started='2001-01-03T00:00:00Z')
    runs = {run.merged: run.record for run in gather([tmp_path]).runs}
    assert set(runs) == {('1', '3'), ('2',)}
    whole, lost = runs['1', '3'], runs['2',]
    assert (whole['status'], whole['wall_s']) == ('finished', 151.0)
    assert (whole['metrics']['last']['mIoU'], whole['metrics']['best']['mIoU']) == (50.0, 60.0)
    assert (lost['status'], lost['iters_done']) == ('failed', 0)


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
    assert not found.broken


def test_a_copy_of_a_part_of_a_run_counts_once(tmp_path, make_run):
    make_run(tmp_path / 'a', run_id='1', status='failed')
    whole = make_run(tmp_path / 'a', run_id='2', start=100, started='2001-01-02T00:00:00Z')
    part = tmp_path / 'b' / whole.name
    shutil.copytree(whole, part)
    found = gather([tmp_path])
    assert [run.merged for run in found.runs] == [('1', '2')]
    assert found.duplicates == [('2', whole, part)] and not found.broken
    # Another run under the id of a later start must not lose its row and curve to it.
    edit(part, seed=1, started='2000-01-01T00:00:00Z')
    found = gather([tmp_path])
    assert [run.merged for run in found.runs] == [('2',)] and not found.duplicates
    reason = f"claims the run_id '2' of another run, in {part}; give it one"
    assert found.broken == [(whole / 'run.json', reason)]


def test_a_work_dir_under_two_names(tmp_path, make_run):
    first = make_run(tmp_path / 'a', run_id='1', status='failed')
    make_run(tmp_path / 'a', run_id='2', start=100, started='2001-01-02T00:00:00Z')
    (tmp_path / 'link').symlink_to(tmp_path / 'a')
    (run,) = gather([tmp_path / 'link' / first.name, tmp_path]).runs
    assert run.merged == ('1', '2')


def test_two_runs_that_claim_one_id(tmp_path, make_run):
    later = make_run(tmp_path / 'a', run_id='same', seed=1, started='2001-01-02T00:00:00Z')
    first = make_run(tmp_path / 'b', run_id='same', seed=0)
    found = gather([tmp_path])
    assert [run.folder for run in found.runs] == [first] and not found.duplicates
    reason = f"claims the run_id 'same' of another run, in {first}; give it one"
    assert found.broken == [(later / 'run.json', reason)]


def test_a_repeated_validation_counts_once():
    first = Curve(np.array([50, 100]), ('loss', 'mIoU'), np.array([[3.0, np.nan], [2.0, 40.0]]))
    second = Curve(
        np.array([100, 150]), ('mIoU', 'loss'), np.array([[40.0, np.nan], [np.nan, 1.0]])
    )
    joined = join_curves([first, second])
    assert joined.iters.tolist() == [50, 100, 150]
    assert joined['loss'].tolist() == [3, 2, 1] and joined['mIoU'][1] == 40
