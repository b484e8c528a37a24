"""The three scripts, called as a user calls them, in one process."""

import json
import os
import re
import subprocess
import sys

import pytest


def content(folder):
    """Every file but those that only save time."""
    files = (p for p in folder.rglob('*') if p.is_file() and p.name != '.gathered.json')
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


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
    assert '50.50 ± 0.71 (2)' in text and 'paired by seed (' in text
    summary = '8 finished, 0 running, 0 stale, 0 failed, 0 interrupted, 0 broken, 0 unkeyed'
    assert text.splitlines()[-1].startswith(summary)
    code, text, _ = call('plot_results', '--results', out)
    assert code == 0 and len(text.split()) == 2 * (1 + 2 * 3)
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


def test_json_and_filters(call, work, tmp_path):
    out = tmp_path / 'r'
    bare = next(work.rglob('run.json')).parent / 'x' / '20010101_000000' / 'vis_data'
    bare.mkdir(parents=True)
    (bare / 'config.py').write_text('seed = 0\n')
    (bare / 'scalars.json').write_text('{"loss": 1.0, "iter": 1, "step": 1}\n')
    args = (work, '--out', out, '--json', '--method', 'cut*', '--method', 'x', '--cell', '*_12/*')
    code, text, err = call('gather_results', *args)
    found = json.loads(text)
    assert code == 0 and [run['config'] for run in found['runs']] == ['cutmix_shapes_12'] * 2
    run = found['runs'][0]
    assert (run['seed'], run['miou_last'], run['iou_per_class']['box']) == (0, 50.0, 50.0)
    assert run['merged'] == [run['run_id']] and run['reason'] is None
    assert found['unkeyed'] == [str(bare.parent)] and found['summary']['unkeyed'] == 1
    assert f'unkeyed: {bare.parent} is a training whose config has no protocol' in err
    assert (out / 'runs.csv').read_text().count('\n') == 3
    # What is left out now is added later, and what was there stays.
    assert call('gather_results', work, '--out', out, '--benchmark', 'shapes_24')[0] == 0
    assert (out / 'runs.csv').read_text().count('\n') == 7
    code, text, _ = call('gather_results', work, '--out', out, '--status', 'run*', '--json')
    assert json.loads(text)['runs'] == []


def test_since(call, work, tmp_path):
    def rows(*args):
        code, text, _ = call('gather_results', work, '--out', tmp_path / 'r', '--json', *args)
        return code if code else len(json.loads(text)['runs'])

    assert rows('--since', '2001-01-01') == 8 and rows('--since', '2001-01-01T00:00:01') == 0
    assert rows('--since', 'monday') == (
        "error: --since 'monday' is no date; write 2026-01-31 or 2026-01-31T12:00 (UTC)"
    )


def test_names_from_others_stay_on_their_line(call, tmp_path, make_run):
    folder = make_run(tmp_path / 'a\nbroken: \x1b[31m<script>é')
    (folder / 'run.json').write_text('{')
    code, _, err = call('gather_results', tmp_path, '--out', tmp_path / 'r')
    lines = [line for line in err.splitlines() if line.startswith('broken')]
    assert code == 1 and len(lines) == 1 and r'a\nbroken: \x1b[31m<script>é/' in lines[0]


@pytest.mark.parametrize('encoding', ['latin-1', 'utf-8'])
def test_names_from_others_in_the_table(root, tmp_path, make_run, encoding):
    make_run(tmp_path / 'w', config='a,\n"é测试" \x1b[31m\u202e<script>')
    tool, out = root / 'tools' / 'gather_results.py', os.fsdecode(bytes(tmp_path) + b'/r\xff')
    env = {**os.environ, 'PYTHONPATH': str(root), 'PYTHONIOENCODING': encoding}
    command = [sys.executable, str(tool), str(tmp_path / 'w'), '--out', out]
    done = subprocess.run(command, capture_output=True, env=env)
    text = done.stdout.decode(encoding)
    assert done.returncode == 0 and '\x1b' not in text and '\u202e' not in text
    assert ('测试' if encoding == 'utf-8' else r'\u6d4b\u8bd5') in text
    assert text.splitlines()[-1].endswith(r'r\udcff')


def test_broken_scalars_keep_row_and_curve(call, work, tmp_path):
    out = tmp_path / 'r'
    call('gather_results', work, '--out', out)
    before = content(out)
    scalars = sorted(work.rglob('scalars.json'))[0]
    scalars.write_bytes(b'\x00\xff' * 99 + b'\n')
    code, _, err = call('gather_results', work, '--out', out)
    assert code == 1 and err.count(f'broken: {scalars} is truncated or not JSON lines') == 1
    assert content(out) == before


def test_a_full_disk_leaves_the_old_files(call, work, tmp_path, monkeypatch):
    out = tmp_path / 'r'
    call('gather_results', work / 'cutmix_shapes_12', '--out', out)
    before = content(out)
    whole = open

    def full(file, mode='r', *args, **kwargs):
        if mode == 'wb' and 'runs.csv' in str(file):
            raise OSError(28, 'No space left on device')
        return whole(file, mode, *args, **kwargs)

    monkeypatch.setattr('builtins.open', full)
    code, _, _ = call('gather_results', work, '--out', out)
    reason = 'No space left on device; name a place that can be written'
    assert code == f'error: cannot write {out / "runs.csv"}: {reason}'
    after = content(out)
    assert {name: after[name] for name in before} == before
    assert not [name for name in after if 'tmp' in name]
    monkeypatch.undo()


@pytest.fixture
def small_disk(tmp_path):
    """A folder that holds 1 MiB."""
    folder = tmp_path / 'disk'
    folder.mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip('only root may mount a small disk')
    yield folder
    subprocess.run(['umount', str(folder)], check=True)


def test_a_disk_that_is_really_full(call, work, tmp_path, small_disk):
    out = small_disk / 'r'
    code, _, _ = call('gather_results', work, '--out', tmp_path / 'r')
    assert code == 0
    whole = content(tmp_path / 'r')
    (small_disk / 'filler').write_bytes(bytes(2**20 - 20_000))
    code, text, _ = call('gather_results', work, '--out', out)
    assert re.fullmatch(rf'error: cannot write {out}/\S+: No space left on device; .*', code)
    assert not text
    # What is there is whole, and when there is space the rest follows.
    assert content(out).items() <= whole.items()
    (small_disk / 'filler').unlink()
    assert call('gather_results', work, '--out', out)[0] == 0 and content(out) == whole


def test_no_table_needs_torch(root, work, tmp_path):
    out = tmp_path / 'results'
    calls = {
        'gather_results': [str(work), '--out', str(out)],
        'make_leaderboard': ['--results', str(out), '--verify'],
        'make_page': ['--results', str(out)],
        'plot_results': ['--results', str(out), '--curves', '*', '--out', str(out / 'curves.svg')],
        'make_metafiles': ['--root', str(root), '--check'],
        'import_published': [str(root / 'results/published.csv'), '--out', str(out / 'p.csv')],
    }
    script = f"""
import runpy, sys
sys.modules['torch'] = sys.modules['mmengine'] = None
sys.path.insert(0, {str(root / 'tools')!r})
for name, args in {calls!r}.items():
    sys.argv = [name, *args]
    try:
        runpy.run_path(f'{root}/tools/{{name}}.py', run_name='__main__')
    except SystemExit as error:
        assert not error.code or name == 'make_metafiles', error.code
"""
    env = {**os.environ, 'PYTHONPATH': str(root)}
    done = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr


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
