"""Means and paired differences, against sums done by hand."""

import pytest

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.runs import gather
from mmseg_plugins.results.statistics import judge, one_per_seed, paired_differences, summarise
from mmseg_plugins.results.table import read_table, upsert

SUP, CUT, OTHER = 'suponly_x', 'cutmix_x', 'suponly_y'


@pytest.fixture
def runs(tmp_path, make_run):
    def score(config, seed, last, **kwargs):
        work_dir = tmp_path / 'work' / config / str(seed)
        make_run(work_dir, miou=(last + 5, last), config=config, seed=seed, **kwargs)

    for seed, last in ((0, 40.0), (1, 44.0), (2, 48.0)):
        score(SUP, seed, last)
    for seed, last in ((0, 43.0), (1, 45.0), (5, 90.0)):
        score(CUT, seed, last, method='cutmix')
    score(CUT, 2, 10.0, method='cutmix', status='failed')
    score(OTHER, 0, 70.0, benchmark='shapes_24', labelled=24)
    # An earlier run of the same seed: the later one counts.
    score(SUP, 0, 1.0, started='2000-01-01T00:00:00Z')
    return upsert(read_table(tmp_path / 'none.csv'), gather([tmp_path]).runs)


def test_summary(runs):
    summary = summarise(runs)
    assert summary['config'].tolist() == [SUP, CUT, OTHER]
    sup, cut, other = (row for _, row in summary.iterrows())
    assert (sup['n'], sup['last_mean'], sup['last_std'], sup['best_mean']) == (3, 44.0, 4.0, 49.0)
    assert cut['n'] == 3 and cut['seeds'] == [0, 1, 5]
    assert other['n'] == 1 and other['last_std'] != other['last_std']
    assert (sup['labelled'], other['labelled']) == (12, 24)
    assert len(one_per_seed(runs)) == 7


def test_what_does_not_count_and_why(tmp_path, make_run):
    real = {'iterations': 200}
    starts = (f'2001-01-0{day}T00:00:00Z' for day in range(1, 7))
    for name, options in {
        'older': {},
        'real': {},
        'trial': dict(miou=(99.0,)),
        'early': dict(miou=(99.0,), iters_planned=200),
        'blind': dict(miou=(9.0, None)),
        'lost': dict(status='failed'),
    }.items():
        make_run(tmp_path / name, run_id=name, started=next(starts), protocol=real, **options)
    runs = upsert(read_table(tmp_path / 'none.csv'), gather([tmp_path]).runs)
    assert judge(runs).set_index('run_id')['excluded'].to_dict() == {
        'older': 'superseded by real',
        'real': '',
        'trial': 'a trial: its config states 200 iterations',
        'early': 'stopped early',
        'blind': 'no score',
        'lost': 'failed',
    }
    assert one_per_seed(runs)['run_id'].tolist() == ['real']
    assert summarise(runs)['last_mean'].tolist() == [50.0]


def test_a_protocol_that_cannot_be_read(runs):
    runs['protocol'] = '{"labelled_images": "twelve"}'
    with pytest.raises(UserError, match="protocol whose 'labelled_images' cannot be read"):
        summarise(runs)


def test_no_finished_run(runs):
    assert summarise(runs[runs['status'] == 'failed']).empty


def test_paired_differences(runs):
    pairs = paired_differences(runs, SUP)
    assert pairs['config'].tolist() == [CUT, OTHER]
    # Another benchmark of the data set, as training with all labels is.
    assert pairs['benchmark'].tolist() == ['shapes_12', 'shapes_24']
    assert pairs['differences'][1] == {'0': 30.0}
    row = pairs.iloc[0]
    assert row['differences'] == {'0': 3.0, '1': 1.0}  # seed 2 failed, seed 5 has no partner
    assert (row['n'], row['mean']) == (2, 2.0)
    assert row['std'] == pytest.approx(2**0.5)
    best = paired_differences(runs, CUT, metric='miou_best').iloc[0]
    assert best['differences'] == {'0': -3.0, '1': -1.0}


def test_a_pair_differs_in_nothing_but_method_and_labels(tmp_path, make_run):
    for number, (config, protocol) in enumerate(
        ((SUP, {}), ('crop', {'crop': 64}), ('network', {'network': 'other', 'cell': None}))
    ):
        options = dict(config=config, started=f'2001-01-0{number + 1}T00:00:00Z')
        make_run(tmp_path / config, protocol=protocol, **options, cell=None)
    make_run(tmp_path / 'list', config='list', benchmark='shapes_other_12')
    runs = upsert(read_table(tmp_path / 'none.csv'), gather([tmp_path]).runs)
    assert len(one_per_seed(runs)) == 4 and paired_differences(runs, SUP).empty


def test_no_common_seed(runs):
    runs = runs[~((runs['config'] == CUT) & runs['seed'].isin(['0', '1']))]
    row = paired_differences(runs, SUP).iloc[0]
    assert row['n'] == 0 and row['mean'] != row['mean'] and row['differences'] == {}


def test_an_unknown_reference(runs):
    with pytest.raises(UserError, match="no finished run of config 'nope'; there are cutmix_x, "):
        paired_differences(runs, 'nope')
