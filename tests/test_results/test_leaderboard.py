"""The leaderboard: numbers beside the published ones, dashes where they do not compare."""

import re

import pandas as pd
import pytest

from mmseg_plugins.results.leaderboard import command, duration, leaderboard, spread
from mmseg_plugins.results.published import COLUMNS
from mmseg_plugins.results.runs import gather
from mmseg_plugins.results.table import read_table, upsert

CELL = 'voc_classic_92/corrmatch/net'


def published(**changes):
    values = dict.fromkeys(['cell', *COLUMNS], '') | {
        'cell': CELL,
        'crop_size': '321',
        'n_labeled': '92',
        'value': 76.4,
        'source': 'a README',
        'evidence': 'primary',
    }
    return values | changes


@pytest.fixture
def page(tmp_path, make_run):
    def write(rows=(), paired=(), **kwargs):
        common = dict(config='corrmatch_voc', method='corrmatch', benchmark='voc_classic_92')
        for seed, last in enumerate((70.0, 74.0)):
            options = common | dict(labelled=92, protocol={'crop': 321}, seed=seed) | kwargs
            make_run(tmp_path / 'w' / str(seed), miou=(75.0, last), **options)
        runs = upsert(read_table(tmp_path / 'none.csv'), gather([tmp_path]).runs)
        return leaderboard(runs, pd.DataFrame(rows, columns=['cell', *COLUMNS]), paired)

    return write


def cells(page, name):
    (line,) = [line for line in page.splitlines() if line.startswith('|') and name in line]
    return [cell.strip() for cell in re.split(r'(?<!\\)\|', line)[1:-1]]


def test_mean_spread_and_difference(page):
    text = page([published()])
    row = cells(text, 'corrmatch_voc')
    assert '72.00 ± 2.83 (2)' in row and '75.00 ± 0.00 (2)' in row
    assert row[8:11] == ['76.4 [1]', '-4.40', '-1.40']
    assert '- [1] 76.4: a README (primary). Theirs:' in text and 'Differs' not in text
    assert 'python tools/launch.py configs/corrmatch/corrmatch_voc.py --seeds 0 1\n' in text


def test_what_differs_is_a_footnote(page):
    text = page([published(crop_size='513', n_labeled='100')])
    assert 'Differs: crop 513, ours 321; 100 labelled images, ours 92' in text
    assert cells(text, 'corrmatch_voc')[9] == '-4.40'
    assert 'crop 321(513), ours 321' in page([published(crop_size='321(513)')])
    assert 'crop not stated, ours 321' in page([published(crop_size='')])


def test_what_does_not_compare_is_a_dash(page):
    row = cells(page(), 'corrmatch_voc')
    assert row[8:11] == ['– [1]', '–', '–']
    text = page([published(notes='list presumed CPS')])
    assert cells(text, 'corrmatch_voc')[8:11] == ['76.4 [1]', '–', '–']
    assert 'split list is presumed' in text
    text = page([published()], cell=None, protocol={'cell': None})
    assert 'the config has no cell' in text


def test_the_number_to_reach_stands_alone(page):
    rows = [published(value=60.0), published(target='corrmatch'), published(value=61.0)]
    text = page(rows)
    assert cells(text, 'corrmatch_voc')[8] == '76.4 [1]'
    assert '2 other published rows of this cell' in text
    # Without one, the rows of our protocol.
    assert cells(page([published(value=60.0, crop_size='513'), published()]), 'corrmatch_voc')[
        8
    ].startswith('76.4')
    assert cells(page([published(value=60.0), published()]), 'corrmatch_voc')[8:10] == [
        '60 [1], 76.4 [2]',
        '+12.00, -4.40',
    ]


def test_gpus_in_the_command(page):
    assert '--seeds 0 1 --gpus 4\n' in page(device='NVIDIA H100', world_size=4)
    row = pd.Series(
        {'method': 'm', 'config': 'c', 'seeds': [3], 'world_size': 4, 'device': 'NVIDIA H100'}
    )
    line, seed = 'mim train mmseg configs/m/c.py --gpus', '--cfg-options randomness.seed=3'
    assert command(row) == f'{line} 4 --launcher pytorch {seed}'
    row['world_size'] = 1
    assert command(row) == f'{line} 1 {seed}'
    row['device'] = 'A processor, 2 cores'
    assert command(row) == f'{line} 0 {seed}'


def test_the_protocol_of_a_row(page):
    protocol = {'crop': 321, 'predict_on': 'ema', 'epochs': 80.0, 'setting': 'ours, tiny'}
    text = page(protocol=protocol)
    row = cells(text, 'corrmatch_voc')
    assert row[4:6] == ['92', 'ema'] and row[-1] == '[2]'
    assert '- [2] crop 321; epochs 80; predict on ema; setting ours, tiny; device A proc' in text
    assert 'one labelled list' in text and 'Wall time includes validation' in text


def test_unfinished_runs_are_listed_and_do_not_count(page, tmp_path, make_run):
    make_run(tmp_path / 'f', miou=(1.0,), status='failed', seed=9, run_id='lost')
    text = page()
    assert cells(text, 'lost')[1:4] == ['failed', '100 of 100', '1.00 (1)']
    assert '## shapes' in text and '## voc' in text and 'Runs that do not count:' in text


def test_names_are_escaped(page):
    text = page(method='a|b\n<script>')
    assert '<script>' not in text.split('```')[0] and 'a\\|b &lt;script&gt;' in text


def test_paired_table(page, tmp_path, make_run):
    options = dict(config='suponly_voc', benchmark='voc_classic_92', labelled=92)
    make_run(tmp_path / 's', miou=(60.0,), seed=0, **options)
    text = page(paired=['suponly_voc'])
    row = cells(text.split('## Paired')[1], 'corrmatch_voc')
    assert row[4:] == ['1', '+10.00', '–', '0: +10.00']


def test_formats():
    nan = float('nan')
    assert [spread(1, nan, 1), spread(nan, nan, 0)] == ['1.00 (1)', '–']
    assert [duration(s) for s in (59.6, 200, 3725, nan)] == [
        '1 min 00 s',
        '3 min 20 s',
        '1 h 02 min',
        '–',
    ]
