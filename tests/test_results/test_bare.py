"""Work dirs of MMEngine without a record: placed where their config says where."""

import os

import pytest
from bare_runs import CONFIG, make_bare

from mmseg_plugins.results.runs import gather


def test_what_is_known(tmp_path):
    folder = make_bare(tmp_path)
    (run,) = gather([tmp_path]).runs
    record = run.record
    assert run.folder == folder and record['run_id'].startswith('cutmix_leaf-seed3-20010101_000000')
    assert (record['config'], record['cell']) == ('cutmix_leaf', 'shapes_12/cutmix/net')
    assert (record['seed'], record['label_seed'], record['status']) == (3, 5, 'finished')
    assert record['metrics']['last'] == {'iter': 300, 'mIoU': 50.0, 'iou_per_class': {'box': 50.0}}
    assert record['metrics']['best']['iter'] == 200
    assert (record['iters_done'], record['iters_planned'], record['peak_mib']) == (300, 300, 900)
    assert record['protocol']['crop'] == [96, 96] and record['started'] == '2001-01-01T00:00:00'
    assert run.curve['mIoU'].tolist() == [40.0, 60.0, 50.0]


def test_it_runs_until_it_is_silent(tmp_path):
    folder = make_bare(tmp_path, scores=(40.0,))
    assert gather([tmp_path]).runs[0].record['status'] == 'running'
    os.utime(folder / 'vis_data' / 'scalars.json', (1e9, 1e9))
    assert gather([tmp_path]).runs[0].record['status'] == 'stale'


def test_a_resumed_one_is_one_run(tmp_path):
    make_bare(tmp_path, scores=(40.0, 70.0))
    again = {'config': CONFIG + 'resume = True\n', 'start': 100, 'scores': (50.0, 55.0)}
    make_bare(tmp_path, '20010102_000000', **again)
    (run,) = gather([tmp_path]).runs
    assert run.curve['mIoU'].tolist() == [40.0, 50.0, 55.0] and len(run.merged) == 2
    assert run.record['metrics']['best']['mIoU'] == 55.0


def test_a_test_is_no_run_and_a_training_without_protocol_is_unkeyed(tmp_path):
    test = make_bare(tmp_path / 'test')
    (test / 'vis_data' / 'scalars.json').write_text('{"mIoU": 50.0, "step": 0}\n')
    other = make_bare(tmp_path / 'other', config='protocols = 1\nprint("executed")\n')
    make_bare(tmp_path / 'good')
    found = gather([tmp_path])
    assert len(found.runs) == 1 and found.unkeyed == [other] and not found.broken


@pytest.mark.parametrize(
    ('config', 'reason'),
    [
        ("import os\nprotocol = os.system('touch {}')", 'is not a config of plain values'),
        ("protocol = __import__('os').system('touch {}')", 'is not a config of plain values'),
        ('protocol = 3', 'has protocol = 3'),
        ('protocol = dict()', 'has train_cfg.max_iters = None'),
        ('text = \'\'\'\nprotocol = 1\n\'\'\'', 'has protocol = None'),
        (CONFIG + 'randomness = [3]', None),
        (CONFIG + 'train_dataloader = [dict(batch_size=4)]', None),
        (CONFIG.replace("network='net'", "network='net', iterations='x'"),
         "has protocol.iterations = 'x', expected a number"),
        (CONFIG.replace("method='cutmix'", "method='other'"), 'has a protocol that contradicts'),
        (CONFIG.replace("dataset=dict(benchmark='shapes_12'", "dataset=dict(benchmark='voc_x'"),
         'has a protocol that contradicts its data set: benchmark'),
    ],
)  # fmt: skip
def test_configs_that_place_no_run(tmp_path, config, reason):
    executed = tmp_path / 'executed'
    folder = make_bare(tmp_path / 'w', config=config.replace('{}', str(executed)))
    found = gather([tmp_path])
    assert not executed.exists()
    if reason is None:  # odd, and enough to place it
        assert len(found.runs) == 1
        return
    ((path, told),) = found.broken
    assert not found.runs
    assert path == folder / 'vis_data' / 'config.py' and told.startswith(reason)


@pytest.mark.parametrize(
    ('old', 'new', 'reason'),
    [
        (b'{', b'\xff\n{', 'is truncated or not JSON lines: line 1 of 7'),
        (b'"IoU.box": 40.0', b'"IoU.box": 140.0', 'has a validation: box = 140.0, outside 0 to'),
        (b'"mIoU": 40.0', b'"mIoU": "x"', "has no valid result in a validation: mIoU = 'x'"),
        (b'"mIoU": 40.0', b'"mIoU": ' + b'9' * 400, 'has a validation: mIoU = 999'),
    ],
)
def test_broken_scalars_lose_the_only_source(tmp_path, old, new, reason):
    scalars = make_bare(tmp_path) / 'vis_data' / 'scalars.json'
    scalars.write_bytes(scalars.read_bytes().replace(old, new, 1))
    found = gather([tmp_path])
    ((path, told),) = found.broken
    assert not found.runs and path == scalars and told.startswith(reason)


@pytest.mark.parametrize('value', ['NaN', 'Infinity', '1e999'])
def test_scores_that_are_not_finite_are_gaps(tmp_path, value):
    scalars = make_bare(tmp_path) / 'vis_data' / 'scalars.json'
    scalars.write_text(scalars.read_text().replace('60.0', value).replace('900', value))
    (run,) = gather([tmp_path]).runs
    assert run.record['metrics']['best'] == {
        'iter': 300,
        'mIoU': 50.0,
        'iou_per_class': {'box': 50.0},
    }
    assert run.record['peak_mib'] is None and run.curve['mIoU'].isna().tolist() == [
        False,
        True,
        False,
    ]
