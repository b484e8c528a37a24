"""The leaderboard: numbers beside the published ones, dashes where they do not compare."""

import csv
import io
import re
import shutil
import subprocess
from collections import defaultdict

import pandas as pd
import pytest

from mmseg_plugins.results.cells import cell_table, read_leaves
from mmseg_plugins.results.latex import escape as latex_escape
from mmseg_plugins.results.leaderboard import escape, terminal_table
from mmseg_plugins.results.outputs import leaderboard_files
from mmseg_plugins.results.published import COLUMNS, read_published
from mmseg_plugins.results.runs import gather
from mmseg_plugins.results.table import COLUMNS as RUN_COLUMNS
from mmseg_plugins.results.table import read_table, upsert
from mmseg_plugins.results.tables import duration, hours, spread

CELL = 'voc_classic_92/corrmatch/net'
CORRMATCH = '| voc_classic_92 | corrmatch '
EVIL = 'a|b\n<script>alert(1)</script>, "q" [x](y) `z` 100% $x_1$ 中文'


def published(**changes):
    values = dict.fromkeys(['cell', *COLUMNS], '') | {
        'cell': CELL,
        'crop_size': '321',
        'n_labeled': '92',
        'value': 76.4,
        'source': 'a README',
        'evidence': 'primary',
        'notes': 'final iteration',
    }
    return values | changes


@pytest.fixture
def runs(tmp_path, make_run):
    def write(**kwargs):
        common = dict(config='corrmatch_voc', method='corrmatch', benchmark='voc_classic_92')
        for seed, last in enumerate((70.0, 74.0)):
            options = common | dict(labelled=92, protocol={'crop': 321}, seed=seed) | kwargs
            make_run(tmp_path / 'w' / str(seed), miou=(75.0, last), **options)
        return upsert(read_table(tmp_path / 'none.csv'), gather([tmp_path]).runs)

    return write


@pytest.fixture
def page(runs):
    def write(rows=(), paired=(), **kwargs):
        theirs = pd.DataFrame(rows, columns=['cell', *COLUMNS])
        return leaderboard_files(runs(**kwargs), theirs, None, paired)['leaderboard.md']

    return write


@pytest.fixture(scope='module')
def everything():
    """The leaderboard of the whole matrix before anything was run."""
    none = pd.DataFrame(columns=RUN_COLUMNS, dtype=str)
    return leaderboard_files(none, read_published(), read_leaves())


def cells(page, name):
    """The row in which a name stands, by the heads of its table; what is not there is a dash."""
    lines = [re.sub(' +', ' ', line) for line in page.splitlines()]
    (index,) = [i for i, line in enumerate(lines) if line.startswith('|') and name in line]
    head = max(
        i for i in range(index) if lines[i].startswith('| ') and lines[i + 1].startswith('|:')
    )
    parts = [re.split(r'(?<!\\)\|', lines[i])[1:-1] for i in (head, index)]
    row = dict(zip(*([cell.strip() for cell in part] for part in parts), strict=True))
    return defaultdict(lambda: '–', row)


def test_mean_spread_difference_and_verdict(page):
    text = page([published()])
    row = cells(text, CORRMATCH)
    assert row['mIoU last'] == '72.00 ± 2.83 (2)' and row['mIoU best'] == '75.00 ± 0.00 (2)'
    assert row['published'] == '76.4 [2]' and row['difference'] == '-4.40 (last)'
    assert row['verdict'] == 'below ±2.99' and row['rank last, own'] == '–'  # alone
    assert '- [2] a README (primary). Deviations: runs: theirs a single number' in text
    assert (
        'python tools/launch.py configs/corrmatch/corrmatch_voc.py --seeds 0,1 --executor local\n'
        in text
    )
    best = cells(page([published(notes='best epoch on val')]), CORRMATCH)
    assert (best['difference'], best['verdict']) == ('-1.40 (best)', 'within ±2.99')


def test_no_difference_is_a_negative_zero(page):
    assert cells(page([published(value=72.004)]), CORRMATCH)['difference'] == '+0.00 (last)'


def test_what_does_not_compare_is_named(page):
    text = page([published(crop_size='513', target='corrmatch')])
    row = cells(text, CORRMATCH)
    assert row['published'] == '76.4 (target) [2]' and row['difference'] == '–'
    assert row['verdict'] == 'not comparable [2]'
    assert 'Not comparable, because of crop: theirs 513, ours 321' in text
    together = cells(text, '| together ')
    assert (together['numbers to reach'], together['not comparable']) == ('1', '1')
    assert together['open'] == '–'
    row = cells(page(), CORRMATCH)
    assert row['published'] == row['difference'] == row['verdict'] == '–'
    assert cells(page(cell=None, protocol={'cell': None}), CORRMATCH)['published'] == '–'


def test_the_best_is_bold_where_two_compete(page, tmp_path, make_run):
    assert '**' not in page().partition('\n## ')[2]
    options = dict(benchmark='voc_classic_92', method='cutmix', labelled=92)
    make_run(tmp_path / 'other', miou=(80.0, 71.0), config='cutmix_voc', **options)
    text = page()
    assert cells(text, CORRMATCH)['mIoU last'] == '**72.00 ± 2.83 (2)**'
    row = cells(text, '| voc_classic_92 | cutmix ')
    assert row['mIoU best'] == '**80.00 (1)**' and row['rank last, own'] == '2, 2'
    assert text.partition('\n## ')[2].count('**') == 4


def test_the_protocol_of_a_row(page):
    protocol = {'crop': 321, 'predict_on': 'ema', 'epochs': 80.0, 'setting': 'ours, tiny'}
    text = page(protocol=protocol)
    assert cells(text, CORRMATCH)['protocol'] == '[1]'
    assert '- [1] crop 321; epochs 80; predict on ema; setting ours, tiny; device A proc' in text


def test_unfinished_runs_are_listed_and_do_not_count(page, tmp_path, make_run):
    make_run(tmp_path / 'f', miou=(1.0,), status='failed', seed=9, run_id='lost')
    text = page()
    row = cells(text, 'lost')
    assert (row['why'], row['iterations'], row['mIoU last']) == ('failed', '100 of 100', '1.00 (1)')
    assert '## shapes' in text and '## voc' in text and '>Runs that do not count (1)<' in text


def test_only_the_latest_of_many_unfinished_runs_are_listed(runs):
    rows = [
        runs().iloc[0].to_dict() | {'status': 'failed', 'run_id': f'lost{n}'} for n in range(25)
    ]
    table = pd.DataFrame(rows).assign(started=[f'2001-01-{n + 1:02}' for n in range(25)])
    text = leaderboard_files(table, pd.DataFrame([published()]))['leaderboard.md']
    assert '>Runs that do not count (25, the latest 20)<' in text
    assert [n for n in range(25) if f'| lost{n} ' in text] == list(range(5, 25))


def test_a_table_has_the_columns_that_say_something(page, tmp_path, make_run):
    text = page()
    assert not {'published', 'verdict', 'GPU hours', 'config'} & set(cells(text, CORRMATCH))
    assert 'No run on a GPU has been gathered yet' in text
    # the same cell trained for as long by another config
    make_run(tmp_path / 'o', miou=(1.0, 2.0), config='other', method='corrmatch', labelled=92,
             benchmark='voc_classic_92')  # fmt: skip
    assert cells(page(), '| other ')['mIoU last'] == '2.00 (1)'
    assert cells(page(), '| corrmatch_voc ')['mIoU last'] == '**72.00 ± 2.83 (2)**'
    text = page(device='NVIDIA H100', wall_s=7200)
    assert cells(text, '| corrmatch_voc ')['GPU hours'] == '2' and '≈ marks an estimate' in text


def test_paired_differences(page, tmp_path, make_run):
    options = dict(config='suponly_voc', benchmark='voc_classic_92', labelled=92)
    options |= dict(protocol={'crop': 321})
    make_run(tmp_path / 's', miou=(60.0,), seed=1, **options)
    text = page(paired=['suponly_voc'])
    assert 'Difference in mIoU last to `suponly_voc`, paired by seed (same list family, ' in text
    assert '1: +14.00' in text
    assert 'Paired differences' not in page()


def test_every_target_stands_there_with_its_number_and_command(everything):
    text = everything['leaderboard.md']
    together = cells(text, '| together ')
    assert together['numbers to reach'] == together['open'] == '33'
    lines = [re.sub(' +', ' ', line) for line in text.splitlines()]
    table = cell_table(
        pd.DataFrame(columns=RUN_COLUMNS, dtype=str), read_published(), read_leaves()
    )
    for row in table[table['target']].to_dict('records'):
        name = f'| {row["benchmark"]} | {row["method"]} | {row["network"]} |'
        (line,) = [line for line in lines if line.startswith(name)]
        assert f' {row["status"]} ' in line and f' {row["published"]:g} (target) [' in line
        if row['status'] == 'not run yet':
            assert f'\n{row["command"]}\n' in text
            assert f'\n% {row["command"]}\n' in everything['leaderboard.tex']
    assert 'crop: theirs 321 or 513, which is not known, ours 321' in text
    assert everything['leaderboard.tex'].count(r'\begin{longtable}') == text.count('\n## ') == 9
    rows = list(csv.DictReader(io.StringIO(everything['leaderboard.csv'])))
    assert sum(row['target'] == 'true' for row in rows) == 33


def test_no_name_reaches_a_terminal_as_a_command(runs):
    evil = 'a\x1b[31m\u202eb'
    files = leaderboard_files(runs(method=evil, config=evil), pd.DataFrame([published()]), None)
    for text in files.values():
        assert '\x1b' not in text and '\u202e' not in text
    assert r'a\x1b[31m\u202eb' in files['leaderboard.csv']


def test_names_are_escaped_in_every_form(runs):
    table = runs(method=EVIL, config=EVIL, benchmark=f'voc_{EVIL}')
    files = leaderboard_files(table, pd.DataFrame([published()]), None)
    text = files['leaderboard.md']
    shown = re.sub(r'```sh\n.*?```', '', text, flags=re.DOTALL)
    assert '<script>' not in shown and '](y)' not in shown.replace(r'\](y)', '')
    name = escape(EVIL)
    assert name == (
        'a\\|b &lt;script&gt;alert(1)&lt;/script&gt;, "q" \\[x\\](y) \\`z\\` 100% \\$x_1\\$ 中文'
    )
    assert cells(text, f'| {name} |')['mIoU last'] == '72.00 ± 2.83 (2)'
    (fence,) = re.findall(r'```sh\n(.*?)```', text, flags=re.DOTALL)
    assert len(fence.splitlines()) == 1
    tex = files['leaderboard.tex']
    assert latex_escape(EVIL) in tex and '<script>' not in tex and '中' not in tex
    (row,) = csv.DictReader(io.StringIO(files['leaderboard.csv']))
    assert row['method'] == EVIL.replace('\n', ' ')
    assert escape('_x_ __y__ a_b') == r'\_x\_ \_\_y\_\_ a_b'


def test_latex_of_odd_characters():
    assert latex_escape('a_b & 5% {x} \\y ~^ é 中\n±') == (
        r'a\_b \& 5\% \{x\} \textbackslash{}y \textasciitilde{}\textasciicircum{} é [U+4E2D] $\pm$'
    )


@pytest.mark.skipif(not shutil.which('pdflatex'), reason='needs pdflatex')
def test_latex_compiles(everything, runs, tmp_path):
    rows = leaderboard_files(runs(method=EVIL, config=EVIL), pd.DataFrame([published()]))
    text = everything['leaderboard.tex'] + rows['leaderboard.tex']
    packages = r'\usepackage[margin=1cm,landscape]{geometry}\usepackage{booktabs,longtable}'
    document = rf'\documentclass{{article}}{packages}\begin{{document}}\scriptsize {text}'
    (tmp_path / 'all.tex').write_text(document + r'\end{document}', encoding='utf-8')
    command = ['pdflatex', '-interaction=nonstopmode', '-halt-on-error', 'all.tex']
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors='replace')
    assert done.returncode == 0 and 'Overfull' not in done.stdout, done.stdout[-2000:]


def test_a_formula_is_text_in_the_csv(runs):
    text = leaderboard_files(runs(config='=cmd()'), pd.DataFrame([published()]), None)
    (row,) = csv.DictReader(io.StringIO(text['leaderboard.csv']))
    assert row['config'] == "'=cmd()" and row['difference'] == '-4.4' and row['seeds'] == '0 1'


def test_the_same_input_gives_the_same_bytes(runs):
    table, theirs = runs(), pd.DataFrame([published()])
    first = leaderboard_files(table, theirs, read_leaves())
    shuffled = table.sample(frac=1, random_state=0).reset_index(drop=True)
    assert leaderboard_files(shuffled, theirs, read_leaves()) == first


def test_terminal_table(runs):
    table = runs()
    text = terminal_table(cell_table(table, pd.DataFrame([published()])))
    assert '72.00 ± 2.83 (2)' in text and '76.4' in text and '-4.40' in text
    bare = terminal_table(cell_table(table, pd.DataFrame(columns=['cell', *COLUMNS])))
    assert 'published' not in bare


def test_numbers_for_people():
    nan = float('nan')
    assert spread(nan, nan, 0) == duration(nan) == hours(nan, True) == '–'
    assert spread(50.0, nan, 1) == '50.00 (1)'
    assert duration(75.5) == '1 min 16 s' and duration(3720) == '1 h 02 min'
    assert (hours(12.345, True), hours(12.345, False)) == ('12.3', '≈12.3')
