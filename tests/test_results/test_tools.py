"""The three scripts, called as a user calls them, in one process."""

import re
import runpy
import sys

import pytest


@pytest.fixture
def call(root, monkeypatch, capsys):
    def run(name, *args):
        monkeypatch.setattr(sys, 'argv', [name, *map(str, args)])
        code = 0
        try:
            runpy.run_path(str(root / 'tools' / f'{name}.py'), run_name='__main__')
        except SystemExit as error:
            code = error.code
        out, err = capsys.readouterr()
        return code, out, err

    return run


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


@pytest.fixture
def work(tmp_path, make_run):
    for method in ('suponly', 'cutmix'):
        for benchmark, labelled in (('shapes_12', 12), ('shapes_24', 24)):
            for seed in (0, 1):
                config = f'{method}_{benchmark}'
                make_run(
                    tmp_path / 'work' / config / str(seed),
                    miou=(40.0 + seed, 50.0 + seed),
                    config=config,
                    method=method,
                    benchmark=benchmark,
                    labelled=labelled,
                    seed=seed,
                )
    return tmp_path / 'work'


def test_gather_and_plot_are_stable(call, work, tmp_path):
    out = tmp_path / 'results'
    code, text, _ = call('gather_results', work, '--out', out, '--paired', 'suponly_shapes_12')
    assert code == 0
    assert '50.50 ± 0.71 (2)' in text and 'paired by data set and seed' in text
    summary = '0 failed, 8 finished, 0 interrupted, 0 running, 0 broken'
    assert text.splitlines()[-1].startswith(summary)
    code, text, _ = call('plot_results', '--results', out)
    assert code == 0 and len(text.split()) == 2 * (1 + 2 * 2)
    figures = {path for path in content(out) if path.startswith('figures')}
    assert {'figures/shapes_label_efficiency.svg', 'figures/shapes_12_miou.png'} <= figures

    before = content(out)
    assert 'curves/suponly_shapes_12-seed0-20010101_000000.csv' in before
    call('gather_results', work, '--out', out, '--paired', 'suponly_shapes_12')
    call('plot_results', '--results', out)
    assert content(out) == before
    # The rows stay when the folders are gone, and others are added to them.
    code, text, _ = call('gather_results', work / 'cutmix_shapes_12', '--out', out)
    assert code == 0 and content(out)['runs.csv'] == before['runs.csv']


def test_broken_runs_are_listed_and_the_others_gathered(call, work, tmp_path):
    out = tmp_path / 'results'
    broken = sorted(work.rglob('run.json'))[0]
    broken.write_text(broken.read_text()[:50])
    code, text, err = call('gather_results', work, '--out', out)
    assert code == 1
    assert f'broken: {broken} is truncated or not JSON' in err
    assert '7 finished' in text and '1 broken' in text
    assert (out / 'runs.csv').read_text().count('finished') == 7


def test_nothing_is_written_for_nothing(call, tmp_path):
    (tmp_path / 'empty').mkdir()
    code, _, _ = call('gather_results', tmp_path / 'empty', '--out', tmp_path / 'results')
    assert code.startswith('error: no run.json below') and not (tmp_path / 'results').exists()


def test_an_unknown_reference_writes_nothing(call, work, tmp_path):
    code, _, _ = call('gather_results', work, '--out', tmp_path / 'r', '--paired', 'nope')
    assert code.startswith("error: --paired: no finished run of config 'nope'")
    assert not (tmp_path / 'r').exists()


def test_one_unknown_reference_of_two_is_a_note(call, work, tmp_path):
    known = ('--paired', 'suponly_shapes_12')
    code, text, err = call(
        'gather_results', work, '--out', tmp_path / 'r', '--paired', 'no', *known
    )
    assert code == 0 and 'note: --paired no: no finished run of it' in err
    assert text.count('Difference in mIoU') == 1


def test_outputs_that_cannot_be_written(call, root, work, tmp_path):
    file = tmp_path / 'file'
    file.write_text('mine')
    table = root / 'results' / 'published.csv'
    for name, *args in (
        ('gather_results', work, '--out', file),
        ('import_published', table, '--out', file / 'x.csv'),
        ('import_published', table, '--out', tmp_path),
    ):
        code, _, _ = call(name, *args)
        assert code.startswith('error: cannot write ') and len(code.splitlines()) == 1
    out = tmp_path / 'r'
    assert call('gather_results', work, '--out', out)[0] == 0
    (out / 'figures').write_text('mine')
    code, _, _ = call('plot_results', '--results', out)
    assert code.startswith(f'error: cannot write {out / "figures"}')
    assert file.read_text() == (out / 'figures').read_text() == 'mine'


def test_the_config_of_the_help_exists(call, root):
    code, text, _ = call('gather_results', '--help')
    (stem,) = set(re.findall(r'--paired (suponly\S+)', text))
    assert code == 0 and (root / 'configs' / 'suponly' / f'{stem}.py').is_file()


def test_nothing_finished_yet(call, tmp_path, make_run):
    make_run(tmp_path / 'work', miou=(), status='running')
    code, text, _ = call('gather_results', tmp_path / 'work', '--out', tmp_path / 'r')
    assert code == 0 and 'no finished run with a score yet' in text
    code, _, _ = call('plot_results', '--results', tmp_path / 'r')
    assert code.startswith('error: ') and 'nothing to draw' in code


def test_plot_without_a_table(call, tmp_path):
    code, _, _ = call('plot_results', '--results', tmp_path)
    assert code.startswith('error: ') and 'run tools/gather_results.py' in code


def test_import_published(call, root, tmp_path):
    source = root / 'results' / 'published.csv'
    code, text, _ = call('import_published', source, '--out', tmp_path / 'published.csv')
    assert code == 0 and '134 cells' in text
    assert (tmp_path / 'published.csv').read_bytes() == source.read_bytes()
