"""When our number and a published one compare, and how far they may lie apart."""

import math

import pytest

from mmseg_plugins.results.comparison import compare, is_presumed, tolerance, verdict
from mmseg_plugins.results.published import COLUMNS, read_published

PROTOCOL = {
    'crop': 321,
    'unlabelled_images': 10490,
    'predict_on': 'student',
    'selection': 'best on val',
    'setting': "the reference's",
}


def published(**changes):
    values = dict.fromkeys(['cell', *COLUMNS], '') | {
        'crop_size': '321',
        'n_labeled': '92',
        'n_unlabeled': '10490',
        'value': 76.4,
        'source': 'a README',
        'evidence': 'primary',
        'notes': 'os8; student net; best epoch on val',
    }
    return values | changes


def found(*rows, n=1, lists=1, labelled=92, **changes):
    return compare(rows, PROTOCOL | changes, labelled, n, lists)


@pytest.mark.parametrize(
    ('labelled', 'points'),
    [(92, 2.99), (183, 1.8), (366, 0.6), (10582, 0.6), (float('nan'), None), (0, None)],
)
def test_tolerance(labelled, points):
    result = tolerance(labelled)
    assert math.isnan(result) if points is None else result == points


def test_the_tolerance_covers_what_authors_repeat():
    """The runs that UniMatch and PrevMatch published lie within it of their mean."""
    table = read_published()
    runs = table[table['method'].str.contains(r'\(run\d\)')]
    runs = runs.assign(author=runs['method'].str.split().str[0])
    seen = set()
    for _, members in runs.groupby(['author', 'benchmark', 'backbone', 'crop_size']):
        labelled = float(members['n_labeled'].iloc[0])
        seen.add(labelled)
        furthest = (members['value'] - members['value'].mean()).abs().max()
        assert len(members) == 3 and furthest <= tolerance(labelled)
    assert {92, 183, 366, 732, 1464} <= seen


@pytest.mark.parametrize(
    ('difference', 'word'),
    [(-0.6, 'within'), (0.6, 'within'), (-0.61, 'below'), (0.7, 'above'), (float('nan'), '')],
)
def test_verdict(difference, word):
    assert verdict(difference, 0.6) == word
    assert verdict(80.0 - 79.4, 0.6) == 'within'  # 0.5999... or 0.6000...1


def test_equal_protocols_compare():
    result = found(published())
    assert (result.rule, result.differing, result.deviations) == ('best', [], [])


@pytest.mark.parametrize(
    ('theirs', 'ours', 'field'),
    [
        ({'crop_size': '513'}, {}, 'crop: theirs 513, ours 321'),
        ({'crop_size': ''}, {}, 'crop: theirs not stated, ours 321'),
        ({'n_labeled': '100'}, {}, 'labelled images: theirs 100, ours 92'),
        ({'n_unlabeled': '10582'}, {}, 'unlabelled pool: theirs 10582 images, ours 10490'),
        ({'notes': 'os16'}, {}, 'network: theirs output stride 16, ours 8'),
        ({}, {'predict_on': 'ema'}, 'scored network: theirs student, ours ema'),
        ({'notes': 'mean of 5 runs'}, {'n': 3}, 'runs: theirs the mean of 5, ours of 3'),
        (
            {'notes': 'mean of 5 runs (label seeds 1..5)'},
            {'n': 5},
            'runs: theirs over 5 labelled lists, ours over 1',
        ),
        ({}, {'setting': 'ours, tiny'}, 'setting: ours, tiny'),
        ({}, {'setting': 'choice: all of it'}, 'setting: choice: all of it'),
        ({'notes': 'list presumed CPS'}, {}, 'list: theirs is only presumed'),
        ({}, {'speed': 'bf16'}, 'speed: bf16, which theirs has not'),
    ],
)
def test_what_does_not_compare(theirs, ours, field):
    assert found(published(**theirs), **ours).differing == [field]


def test_what_differs_but_compares():
    crop = found(published(crop_size='321(513)'), n=3)
    assert crop.differing == []
    assert crop.deviations == [
        'crop: theirs 321 or 513, which is not known, ours 321',
        'runs: theirs a single number, ours the mean of 3',
    ]
    assert not found(published(crop_size='256x512 (on half-res)'), crop=[256, 512]).differing
    unknown = found(published(notes=''))
    assert unknown.rule == 'best'
    assert unknown.deviations == ['selection: not stated for theirs, taken to be ours']
    averaged = published(notes='EMA teacher evaluated; final iteration; mean of 5 runs')
    assert found(averaged, predict_on='ema', n=5).differing == []
    assert found(averaged).rule == 'last'


def test_which_row_is_compared():
    target = published(target='corrmatch', crop_size='513', value=1.0)
    rows = [
        published(value=2.0, notes='superseded'),
        published(value=3.0, notes='list not verified'),
        published(value=4.0, crop_size='513'),
        published(value=5.0, evidence='secondhand'),
        published(value=6.0),
    ]
    order = []
    rows.append(target)
    while rows:
        chosen = found(*rows).row['value']
        order.append(chosen)
        rows = [row for row in rows if row['value'] != chosen]
    assert order == [1.0, 6.0, 5.0, 4.0, 3.0, 2.0]
    assert found().row is None


def test_a_remark_on_the_half_list_concerns_that_list_alone():
    notes = 'repo ships no 1/2 list (UniMatch/CPS 1/2 list presumed)'
    assert not is_presumed(published(split_name='CPS list 1/4', notes=notes))
    assert is_presumed(published(split_name='CPS list 1/2', notes=notes))
    assert is_presumed(published(notes='lists taken to be CPS'))
