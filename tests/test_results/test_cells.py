"""The table of cells: what is measured, what is to run, what has no config."""

import json
import time

import pandas as pd
import pytest

from mmseg_plugins.results.cells import COLUMNS, cell_table, read_leaves
from mmseg_plugins.results.outputs import leaderboard_files
from mmseg_plugins.results.published import read_published
from mmseg_plugins.results.table import COLUMNS as RUN_COLUMNS

FRENCH = 'cutmix_deeplabv2-r101_1xb4u4_cityscapes_french_100-256x512'
CLASSIC = 'corrmatch_deeplabv3plus-r101_4xb2u2_voc_classic_92-321'


@pytest.fixture(scope='module')
def leaves():
    return {leaf.name.rpartition('/')[2].removesuffix('.py'): leaf for leaf in read_leaves()}


@pytest.fixture(scope='module')
def published():
    return read_published()


def run_of(leaf, number=0, **changes):
    """A row of runs.csv of a finished run of a leaf."""
    protocol = leaf.protocol
    names = ('cell', 'benchmark', 'method', 'network')
    return dict.fromkeys(RUN_COLUMNS, '') | {
        **{name: protocol[name] for name in names},
        'run_id': f'{leaf.name}-{number}',
        'config': leaf.name.rpartition('/')[2].removesuffix('.py'),
        'seed': str(number),
        'status': 'finished',
        'miou_last': '70',
        'miou_best': '75',
        'iters_done': str(protocol['iterations']),
        'iters_planned': str(protocol['iterations']),
        'world_size': str(protocol['gpus']),
        'device': 'NVIDIA H100',
        'images_per_s': '10',
        'wall_s': '7200',
        'protocol': json.dumps(protocol),
        **changes,
    }


def table(rows, published, leaves=None):
    runs = pd.DataFrame(rows, columns=RUN_COLUMNS, dtype=str)
    return cell_table(runs, published, None if leaves is None else list(leaves.values()))


def test_every_number_to_reach_and_every_primary_leaf(leaves, published):
    cells = table([], published, leaves)
    assert list(cells.columns) == COLUMNS
    targets = cells[cells['target']]
    assert len(targets) == targets['cell'].nunique() == 33
    assert targets['published'].notna().all() and (targets['published_source'] != '').all()
    assert (targets['status'] == 'not run yet').all()
    assert targets['command'].str.contains('mim train mmseg configs/').all()
    others = cells[cells['status'] == 'not run yet']
    assert set(others['config']) == {
        name for name, leaf in leaves.items() if leaf.protocol['primary']
    }
    assert cells['n'].eq(0).all() and cells['verdict'].eq('').all()
    lidar = targets[targets['network'] == 'fidnet']
    assert len(lidar) == 12
    assert lidar['reason'].str.startswith('setting: choice: no source states').all()
    inferred = 'network: theirs is inferred, not stated; '
    assert lidar['deviations'].str.startswith(inferred).all()
    assert cells['gpu_hours'].isna().all()  # nothing was measured, nothing is made up
    assert table([], published).empty


def test_a_number_to_reach_that_no_config_has(leaves, published):
    images = {name: leaf for name, leaf in leaves.items() if leaf.protocol['network'] != 'fidnet'}
    cells = table([], published, images)
    no_config = cells[cells['status'] == 'no config yet']
    assert len(no_config) == 12 and set(no_config['network']) == {'fidnet'}
    assert (no_config['deviations'] == 'network: theirs is inferred, not stated').all()
    assert (no_config['rule'] == '').all() and no_config['target'].all()


def test_the_command_of_a_benchmark_over_label_seeds(leaves, published):
    cells = table([], published, leaves).set_index('config')
    assert cells['command'][FRENCH] == (
        'for k in 12345 23456 34567 45678 56789; do mim train mmseg '
        f'configs/cutmix/{FRENCH}.py --gpus 1 --work-dir work_dirs/{FRENCH}/label$k '
        '--cfg-options train_dataloader.dataset.label_seed=$k; done'
    )
    # the folder is the leaf's, not the method's
    (path,) = {row for row in cells['path'] if 'cutout-colour' in row and 'voc_french_106' in row}
    assert path.startswith('configs/cutmix/cutout-colour_')


def test_a_measured_target(leaves, published):
    rows = [run_of(leaves[CLASSIC], seed, miou_best=str(75 + seed)) for seed in (0, 1)]
    cells = table(rows, published, leaves)
    assert (cells['config'] == CLASSIC).sum() == 1
    row = cells.set_index('config').loc[CLASSIC]
    assert (row['status'], row['n'], row['seeds']) == ('measured', 2, [0, 1])
    # best on val is the paper's selection
    assert (row['rule'], row['own_mean'], row['last_mean']) == ('best', 75.5, 70.0)
    assert (row['published'], row['verdict']) == (76.4, 'within')
    assert row['difference'] == pytest.approx(-0.9)
    assert row['difference_last'] == pytest.approx(-6.4)
    assert 'theirs 321 or 513, which is not known' in row['deviations']
    assert row['gpu_hours'] == 8 and row['command'].endswith(
        '--seeds 0,1 --executor local --gpus 4'
    )


def test_one_label_seed_is_not_the_mean_of_five(leaves, published):
    seeds = ('12345', '23456', '34567', '45678', '56789')
    rows = [run_of(leaves[FRENCH], label_seed=seed, run_id=seed, miou_last='51') for seed in seeds]
    one = table(rows[:1], published).iloc[0]
    assert one['verdict'] == 'not comparable' and one['difference'] != one['difference']
    assert one['reason'] == 'runs: theirs the mean of 5, ours of 1'
    five = table(rows, published).iloc[0]
    assert (five['n'], five['label_seeds'], five['verdict']) == (5, list(seeds), 'within')
    assert five['command'].startswith('for k in 12345 23456 34567 45678 56789; do mim train')


def test_a_presumed_list_never_ranks(leaves, published):
    (name,) = [n for n in leaves if n.startswith('cutmix_') and 'ade20k_unimatch_631' in n]
    row = table([run_of(leaves[name])], published).iloc[0]
    assert row['target'] and row['verdict'] == 'not comparable' and not row['published_ranks']
    assert 'list: theirs is only presumed' in row['reason']
    assert row['difference'] != row['difference'] and row['published_range'] == ''


def test_a_run_without_a_cell_has_no_published_number(leaves, published):
    assert (published['cell'] == '').any()
    row = table([run_of(leaves[CLASSIC], cell='')], published).iloc[0]
    assert row['published'] != row['published'] and row['verdict'] == row['reason'] == ''


def test_ranks_by_last_and_by_the_papers_selection(leaves, published):
    names = [
        f'{m}_deeplabv3plus-r18n_1xb8u{u}_shapes_12-96' for m, u in (('suponly', 0), ('cutmix', 8))
    ]
    other = 'suponly_deeplabv3plus-r18n_1xb8u0_shapes_200-96'
    rows = [
        run_of(leaves[name], miou_last=last) for name, last in zip(names, ('40', '50'), strict=True)
    ]
    cells = table([*rows, run_of(leaves[other], miou_last='60')], published).set_index('config')
    assert cells['rank_last'].to_dict() == {names[0]: 2, names[1]: 1, other: 1}
    assert cells['rank_own'].equals(cells['rank_last'])


def test_an_estimate_needs_the_same_method_network_and_crop(leaves, published):
    rows = [run_of(leaves[CLASSIC], images_per_s='40')]
    cells = table(rows, published, leaves).set_index('config')
    known = cells[cells['gpu_hours'].notna() & (cells['status'] == 'not run yet')]
    assert set(known['method']) == {'corrmatch'}
    assert all(protocol['crop'] == 321 for protocol in known['protocol'])
    (name,) = [n for n in known.index if 'voc_classic_183' in n]
    leaf = leaves[name]
    images = leaf.protocol['iterations'] * 4 * 6  # 4 GPUs, streams of 2, 2 and 2
    assert known['gpu_hours'][name] == pytest.approx(images / 10 / 3600)
    on_cpu = [run_of(leaves[CLASSIC], device='A processor, 2 cores')]
    assert table(on_cpu, published, leaves)['gpu_hours'].isna().all()


def test_a_name_cannot_break_out_of_the_command(leaves, published):
    evil = run_of(leaves[FRENCH], config='x; rm -rf ~ #\n"', label_seed='1; reboot')
    (line,) = table([evil], published)['command']
    assert "'configs/cutmix/x; rm -rf ~ # \".py'" in line
    assert "label_seed='1; reboot'" in line and '\n' not in line


@pytest.mark.slow
def test_ten_thousand_runs_take_less_than_ten_seconds(leaves, published):
    many = list(leaves.values())
    rows = [
        run_of(
            many[n % len(many)],
            run_id=str(n),
            seed=str(n // len(many)),
            status=('failed', 'finished')[n % 7 > 0],
        )
        for n in range(10000)
    ]
    runs = pd.DataFrame(rows, columns=RUN_COLUMNS, dtype=str)
    start = time.perf_counter()
    files = leaderboard_files(runs, published, many)
    assert time.perf_counter() - start < 10
    assert len(files['leaderboard.md']) < 1e6
