"""runs.csv: stable, complete, safe with odd names."""

import pandas as pd
import pytest

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.runs import gather, read_run
from mmseg_plugins.results.table import COLUMNS, curve_name, read_table, thin, to_csv, upsert

ODD = 'a,b "c"\nd | <script> é'


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
    path.write_text(to_csv(table), encoding='utf-8')
    again = read_table(path)
    pd.testing.assert_frame_equal(again, table)
    assert again['config'][0] == ODD and to_csv(again) == path.read_text(encoding='utf-8')
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


def test_thinning_keeps_the_ends_and_the_validations():
    curve = pd.DataFrame({'iter': range(1, 1001), 'zeta': 1.0, 'loss': 2.0, 'mIoU': float('nan')})
    curve.loc[99::100, 'mIoU'] = 50.0
    thinned = thin(curve, points=20)
    assert list(thinned.columns) == ['iter', 'mIoU', 'loss', 'zeta']
    assert thinned['iter'].iloc[0] == 1 and thinned['iter'].iloc[-1] == 1000
    assert thinned['mIoU'].notna().sum() == 10 and len(thinned) == 30
    pd.testing.assert_frame_equal(thin(curve, points=2000), curve[thinned.columns])
