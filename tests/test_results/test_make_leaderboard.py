"""tools/make_leaderboard.py and tools/make_metafiles.py as a user calls them."""

import shutil

import pandas as pd
import pytest

from mmseg_plugins.results.published import COLUMNS
from mmseg_plugins.results.runs import gather
from mmseg_plugins.results.table import read_table, to_csv, upsert

NAMES = ['leaderboard.csv', 'leaderboard.md', 'leaderboard.tex']


@pytest.fixture
def results(tmp_path, make_run):
    """A results folder with one measured cell, whose published number is given."""

    def write(value, **theirs):
        out = tmp_path / 'results'
        out.mkdir()
        config = dict(config='corrmatch_voc', method='corrmatch', benchmark='voc_classic_92')
        make_run(tmp_path / 'work', miou=(74.0,), labelled=92, protocol={'crop': 321}, **config)
        runs = upsert(read_table(out / 'runs.csv'), gather([tmp_path / 'work']).runs)
        (out / 'runs.csv').write_text(to_csv(runs))
        row = dict.fromkeys(['cell', *COLUMNS], '') | {
            'cell': 'voc_classic_92/corrmatch/net',
            'crop_size': '321',
            'n_labeled': '92',
            'value': value,
            **theirs,
        }
        pd.DataFrame([row]).to_csv(out / 'published.csv', index=False)
        return out

    return write


@pytest.mark.parametrize(
    ('value', 'theirs', 'code', 'said'),
    [
        (76.4, {}, 0, 'within'),
        (77.5, {}, 1, 'below'),
        (70.5, {}, 1, 'above'),
        (90.0, {'crop_size': '513'}, 0, 'not comparable, because of crop: theirs 513, ours 321'),
        (90.0, {'notes': 'list presumed'}, 0, 'list: theirs is only presumed'),
        (90.0, {'cell': 'another/one/x'}, 0, 'no published number'),
    ],
)
def test_verify(call, results, value, theirs, code, said):
    out = results(value, **theirs)
    got, text, _ = call('make_leaderboard', '--results', out, '--verify')
    assert got == code and said in text
    assert f'{code} out of tolerance' in text.splitlines()[-1]
    assert sorted(p.name for p in out.iterdir()) == ['published.csv', 'runs.csv']


def test_write_then_check(call, results):
    out = results(76.4)
    assert call('make_leaderboard', '--results', out, '--check')[0] == 1
    code, text, _ = call('make_leaderboard', '--results', out)
    assert code == 0 and text.split() == [
        str(out / name) for name in ('leaderboard.md', 'leaderboard.tex', 'leaderboard.csv')
    ]
    assert 'corrmatch_voc' in (out / 'leaderboard.md').read_text()
    assert call('make_leaderboard', '--results', out, '--check')[0] == 0
    (out / 'leaderboard.tex').write_text('edited')
    code, _, err = call('make_leaderboard', '--results', out, '--check')
    assert code == 1 and err.startswith(f'{out / "leaderboard.tex"} would change')
    assert (out / 'leaderboard.tex').read_text() == 'edited'


def test_bad_input_writes_nothing(call, results, tmp_path):
    code, *_ = call('make_leaderboard', '--results', tmp_path / 'none')
    assert code.startswith('error: ') and 'runs.csv is missing' in code
    out = results(76.4)
    code, *_ = call('make_leaderboard', '--results', out, '--paired', 'nope')
    assert code.startswith("error: --paired: no finished run of config 'nope'")
    code, *_ = call('make_leaderboard', '--results', out, '--configs', tmp_path)
    assert code.startswith(f'error: {tmp_path} has no matrix.yml')
    runs = out / 'runs.csv'
    runs.write_text(runs.read_text().replace('""crop"":321', '""iterations"":""many""'))
    code, *_ = call('make_leaderboard', '--results', out)
    assert code.startswith("error: runs.csv has a protocol whose 'iterations' cannot be read")
    assert not set(NAMES) & {path.name for path in out.iterdir()}
    assert call('make_metafiles', '--root', tmp_path / 'none')[0].startswith('error: ')


def test_metafiles_are_written_and_checked(call, results, root, tmp_path):
    results(76.4)
    shutil.copytree(root / 'configs' / '_base_', tmp_path / 'configs' / '_base_')
    shutil.copy(root / 'configs' / 'matrix.yml', tmp_path / 'configs')
    names = [f'configs/{folder}/metafile.yml' for folder in ('suponly', 'cutmix', 'corrmatch')]
    names.append('model-index.yml')
    assert call('make_metafiles', '--root', tmp_path, '--check')[0] == 1
    assert not (tmp_path / 'model-index.yml').exists()
    code, text, _ = call('make_metafiles', '--root', tmp_path)
    assert code == 0 and text.split() == names
    assert call('make_metafiles', '--root', tmp_path, '--check')[:2] == (0, '')
