"""runs.csv: stable, complete, safe with odd names."""

import io

import numpy as np
import pandas as pd
import pytest

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.atomic import write_output
from mmseg_plugins.results.runs import gather, read_run
from mmseg_plugins.results.scalars import Curve, read_curve
from mmseg_plugins.results.table import (
    COLUMNS,
    curve_name,
    read_table,
    split_claims,
    to_csv,
    upsert,
)

ODD = 'a,b "c"\nd\re\r\n | <script> é 测试 \u202e'


def test_a_row(tmp_path, make_run):
    make_run(tmp_path, miou=(40.0, 61.25, 50.0), dirty=True, commit='abc', seed=3)
    table = upsert(read_table(tmp_path / 'none.csv'), gather([tmp_path]).runs)
    assert list(table.columns) == COLUMNS and len(COLUMNS) == 26
    row = table.iloc[0]
    assert (row['cell'], row['benchmark'], row['network']) == (
        'shapes_12/suponly/net',
        'shapes_12',
        'net',
    )
    assert (row['miou_last'], row['miou_best'], row['iter_best']) == ('50', '61.25', '200')
    assert (row['seed'], row['dirty'], row['commit'], row['label_seed']) == ('3', 'true', 'abc', '')
    assert row['iou_per_class'] == '{"box":50.0,"disc":50.0}'
    assert row['versions'] == '{"torch":"2"}'


def test_odd_names_survive_a_round_trip(tmp_path, make_run):
    make_run(tmp_path, config=ODD, run_id=ODD, protocol={'note': ODD})
    table = upsert(read_table(tmp_path / 'none.csv'), gather([tmp_path]).runs)
    path = tmp_path / 'runs.csv'
    write_output(path, to_csv(table))
    again = read_table(path)
    pd.testing.assert_frame_equal(again, table)
    assert again['config'][0] == ODD and to_csv(again).encode() == path.read_bytes()
    assert len(curve_name('测' * 200).encode()) < 255
    assert '/' not in curve_name('../../' + ODD) and curve_name('a') == 'a.csv'
    assert curve_name('a/b') != curve_name('a b')


def test_rows_are_replaced_by_id_and_sorted(tmp_path, make_run):
    for seed in (10, 2):
        make_run(tmp_path / str(seed), seed=seed)
    table = upsert(read_table(tmp_path / 'none.csv'), gather([tmp_path]).runs)
    assert table['seed'].tolist() == ['2', '10']  # as numbers
    changed = read_run(make_run(tmp_path / '2', seed=2, miou=(1.0,)) / 'run.json')
    table = upsert(table, [changed])
    assert table['miou_last'].tolist() == ['1', '50']


def test_a_record_that_was_resumed_since_gives_up_its_row(tmp_path, make_run):
    make_run(tmp_path, miou=(40.0,), start=100, started='2001-01-02T00:00:00Z', run_id='b')
    table = upsert(read_table(tmp_path / 'none.csv'), gather([tmp_path]).runs)
    assert table['run_id'].tolist() == ['b']
    make_run(tmp_path, miou=(30.0,), status='failed', run_id='a')  # its first part arrives later
    table = upsert(table, gather([tmp_path]).runs)
    assert table['run_id'].tolist() == ['a']


def test_other_columns(tmp_path):
    (tmp_path / 'runs.csv').write_text('run_id,cell\n1,2\n')
    with pytest.raises(UserError, match='has other columns than this version writes .*move it'):
        read_table(tmp_path / 'runs.csv')


@pytest.mark.parametrize(
    ('text', 'what'),
    [
        (None, 'has other columns than this version writes'),
        ('same,"x', 'cannot be read: unexpected end of data; restore it or delete it'),
        ('same,x{}\nsame,y{}\n', "has two rows of run_id 'same'; delete one"),
        (
            '<<<<<<< HEAD\nsame,x{}\n',
            'has a row of 1 instead of 26 fields that begins with .<<<<<<< HEAD',
        ),
    ],
)
def test_a_table_that_was_merged_badly(tmp_path, text, what):
    path = tmp_path / 'runs.csv'
    rows = text and text.replace('{}', ',' * (len(COLUMNS) - 2))
    path.write_text(rows and ','.join(COLUMNS) + '\n' + rows or '')
    with pytest.raises(UserError, match=what):
        read_table(path)


def test_a_row_is_only_replaced_by_its_own_run(tmp_path, make_run):
    make_run(tmp_path / 'a', run_id='same')
    table = upsert(read_table(tmp_path / 'none.csv'), gather([tmp_path / 'a']).runs)
    other = make_run(tmp_path / 'b', run_id='same', seed=7)
    copy = make_run(tmp_path / 'c', run_id='same', miou=(60.0,))
    fit, broken = split_claims(table, gather([tmp_path / 'b']).runs)
    assert not fit and broken[0][0] == other / 'run.json' and "run_id 'same'" in broken[0][1]
    fit, broken = split_claims(table, gather([tmp_path / 'c']).runs)
    assert [run.folder for run in fit] == [copy] and not broken
    # Nor does a run that was resumed under another's id take its row away.
    make_run(tmp_path / 'd', run_id='1', seed=7, status='failed')
    end = dict(run_id='same', seed=7, start=100, started='2001-01-02T00:00:00Z')
    resumed = make_run(tmp_path / 'd', **end)
    fit, broken = split_claims(table, gather([tmp_path / 'd']).runs)
    assert not fit and broken[0][0] == resumed / 'run.json' and "run_id 'same'" in broken[0][1]


def test_a_long_protocol_can_be_read_again(tmp_path, make_run):
    make_run(tmp_path, protocol={'note': 'x' * 300_000})
    table = upsert(read_table(tmp_path / 'none.csv'), gather([tmp_path]).runs)
    write_output(tmp_path / 'runs.csv', to_csv(table))
    pd.testing.assert_frame_equal(read_table(tmp_path / 'runs.csv'), table)


def test_thinning_keeps_the_ends_and_the_validations():
    iters = np.arange(1, 1001)
    score = np.where(iters % 100 == 0, 50.0, np.nan)
    values = np.stack([np.ones(1000), np.full(1000, 1 / 3), score], 1)
    curve = Curve(iters, ('zeta', 'loss', 'mIoU'), values)
    thinned = pd.read_csv(io.StringIO(curve.thinned_csv(points=20)))
    assert list(thinned.columns) == ['iter', 'mIoU', 'loss', 'zeta']
    assert thinned['iter'].iloc[0] == 1 and thinned['iter'].iloc[-1] == 1000
    assert thinned['mIoU'].notna().sum() == 10 and len(thinned) == 30
    lines = curve.thinned_csv(points=2000).splitlines()
    assert len(lines) == 1001 and lines[1:101:99] == ['1,,0.333333,1', '100,50,0.333333,1']


def test_a_curve_is_written_as_pandas_would(tmp_path, make_run):
    curve = read_curve(make_run(tmp_path, miou=(40.123456789, 1e-9)) / 'vis_data/scalars.json')
    table = curve.frame()[['iter', 'mIoU', 'loss', 'lr']]
    assert curve.thinned_csv() == to_csv(table)
