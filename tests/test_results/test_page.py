"""index.html: complete, stable, bounded, and no markup from a run."""

import base64
import hashlib
import json
import re

import pytest
from pages import HOSTILE, embedded, page, paper, run, write_curve

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.cells import cell_table, read_leaves
from mmseg_plugins.results.page import TEMPLATES, build_page
from mmseg_plugins.results.published import read_published
from mmseg_plugins.results.table import read_table


def test_the_committed_page(root):
    results = root / 'results'
    runs, published = read_table(results / 'runs.csv'), read_published(results)
    cells = cell_table(runs, published, read_leaves(root / 'configs'))
    text = build_page(cells, runs, published, results / 'curves')
    path = results / 'index.html'
    assert path.is_file() and path.read_bytes() == text.encode(), 'run tools/make_page.py'


def test_every_number_to_reach_is_there():
    published, leaves = read_published(), read_leaves()
    runs = read_table('none.csv')
    data = embedded(build_page(cell_table(runs, published, leaves), runs, published))
    targets = [row for row in data['cells'] if row['target']]
    assert len(targets) == 33 and all(row['published'] for row in targets)
    assert {row['status'] for row in targets} <= {'not run yet', 'no config yet'}
    to_run = [row for row in targets if row['status'] == 'not run yet']
    assert to_run and all('mim train mmseg' in row['command'] for row in to_run)
    assert len(data['published']) == len(published)
    assert sum(row['target'] == 1 for row in data['published']) == 33


def test_a_row_its_runs_and_its_classes():
    runs = [run('c', seed, miou=70 + seed) for seed in (0, 1, 2)]
    runs.append(run('c', 3, status='failed', miou_last='', miou_best=''))
    data = embedded(page(runs, [paper()]))
    (row,) = data['cells']
    assert (row['n'], row['last_mean'], row['last_std'], row['best_mean']) == (3, 71, 1, 72)
    assert (row['published'], row['difference'], row['verdict']) == (72.5, -0.5, 'within')
    assert (
        row['command']
        .replace('\0', 'c')
        .startswith('python tools/launch.py configs/corrmatch/c.py')
    )
    assert [r['excluded'] for r in data['runs']] == [None, None, None, 'failed']
    assert [r['seed'] for r in data['runs']] == [0, 1, 2, 3]
    names, means, stds = data['data']['ious']['0']
    assert data['data']['classes'][names] == ['disc', 'ring', 'absent']
    assert means == [71, 35.5, None] and stds == [1, 0.5, None]
    protocol = data['protocols'][row['protocol']]
    assert json.loads(protocol['selection']) == 'best on val'


def test_rows_of_one_cell_are_told_apart():
    runs = [
        run('short'),
        run('long', protocol={'iterations': 300}, iters_done='300', iters_planned='300'),
    ]
    assert {row['config']: row['variant'] for row in embedded(page(runs))['cells']} == {
        'short': 'iterations 100',
        'long': 'iterations 300',
    }


def test_a_run_without_a_row_is_not_lost():
    data = embedded(page([run('c', status='interrupted')]))
    assert not data['cells'] and data['data']['others'] == 1
    assert data['runs'][0]['row'] is None and data['runs'][0]['config'] == 'c'


def test_the_same_rows_give_the_same_bytes():
    runs = [run(config, seed) for config in 'abc' for seed in (0, 1)]
    assert page(runs, [paper()]) == page(runs[::-1], [paper()])


def test_nothing_from_a_run_is_markup():
    hostile = run(
        HOSTILE,
        cell=f'voc_classic_92/{HOSTILE.replace("/", "")}/{HOSTILE.replace("/", "")}',
        protocol={HOSTILE: HOSTILE, 'list': [float('inf'), HOSTILE]},
        device=HOSTILE,
        iou_per_class=json.dumps({HOSTILE: 50.0}),
    )
    papers = [paper(**dict.fromkeys(('method', 'source', 'notes', 'architecture'), HOSTILE))]
    text = page([hostile], papers)
    assert text.count('<script') == text.count('</script') == 2 and '<!--' not in text
    data = text.split('id="data">')[1].split('</script>')[0]
    assert data.isascii() and not re.search('[<>&]', data)
    found = embedded(text)
    assert found['cells'][0]['config'] == HOSTILE and found['published'][0]['notes'] == HOSTILE
    assert found['data']['classes'] == [[HOSTILE]]
    assert json.loads(found['protocols'][0][HOSTILE]) == HOSTILE
    assert json.loads(found['protocols'][0]['list'])[0] is None


def test_numbers_that_are_none():
    values = dict(miou_best='inf', images_per_s='nan', peak_mib='-inf', wall_s='')
    per_class = '{"a": NaN, "b": Infinity, "c": "text", "d": 1e400, "e": 5}'
    data = embedded(page([run('c', iou_per_class=per_class, **values)]))
    assert all(data['runs'][0][name] is None for name in values)
    assert data['data']['ious']['0'][1] == [None, None, None, None, 5]
    with pytest.raises(UserError, match="iou_per_class that cannot be read, run 'c-seed0"):
        page([run('c', iou_per_class='{"a": ')])


def test_only_its_own_script_and_style_run():
    text = page([run('c')])
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none';") and 'unsafe' not in policy
    for kind, part in (('style', '<style>'), ('script', '<script>')):
        content = text.split(part)[1].split(f'</{kind}>')[0]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert not re.search(r'https?://(?!www\.w3\.org/2000/svg)', text)
    for path in TEMPLATES.glob('*.js'):
        source = path.read_text()
        assert not re.search(
            r'innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|fetch\(', source
        )


def test_curves_are_thinned_and_checked(tmp_path):
    row = run('c')
    lines = [f'{i},{"" if i % 2 else i / 10},{"nan" if i == 1 else i}' for i in range(1, 501)]
    write_curve(tmp_path, row, 'iter,mIoU,loss\n' + '\n'.join(lines))
    curve = embedded(page([row], curves=tmp_path, points=10))['data']['curves']['0']
    assert set(curve) == {'mIoU', 'loss'}
    assert len(curve['mIoU'][0]) == 10 and curve['mIoU'][0][0] == 2 and curve['mIoU'][1][-1] == 50
    assert curve['loss'][0][0] == 2  # what is not finite is left out
    for text in ('', 'mIoU\n1', 'iter,mIoU\n1,many', 'iter,mIoU\n1'):
        write_curve(tmp_path, row, text)
        with pytest.raises(UserError, match='is no curve'):
            page([row], curves=tmp_path)
    assert not embedded(page([row], curves=tmp_path / 'none'))['data']['curves']
    write_curve(tmp_path, row, 'iter,mIoU\n1,2')  # of two runs the one that has a file
    rows = [run('a', 1), row]
    assert [*embedded(page(rows, curves=tmp_path, max_curves=1))['data']['curves']] == ['1']


def test_a_page_that_is_full_says_what_it_leaves_out(tmp_path):
    runs = [run(config, seed) for config in 'abcd' for seed in range(50)]
    for row in runs:
        write_curve(tmp_path, row, 'iter,mIoU\n1,2\n3,4\n')
    free = page(runs, curves=tmp_path, size=10**6, max_curves=6)
    per_row = [embedded(free)['runs'][int(i)]['row'] for i in embedded(free)['data']['curves']]
    assert sorted(per_row) == [0, 0, 1, 1, 2, 3]  # spread over the rows
    full = page(runs, curves=tmp_path, size=7000)
    data = full.split('id="data">')[1].split('</script>')[0]
    assert len(data) <= 7000
    rows = embedded(full)['cells']
    assert all(0 < row['runs_left'] < 50 for row in rows)
    assert len(embedded(full)['runs']) + sum(row['runs_left'] for row in rows) == 200
    assert all(row['n'] == 50 for row in rows)
    with pytest.raises(UserError, match='without a single run, more than 0.0'):
        page(runs, size=1000)


def test_no_runs_at_all():
    data = embedded(page([]))
    assert data['cells'] == data['runs'] == []
