"""tools/benchmark_step.py from the outside, on a leaf at a tenth of its size."""

import json
import runpy
import subprocess
import sys

import pytest
from mmengine.config import Config
from shrink import shrink

LEAF = 'configs/corrmatch/corrmatch_deeplabv3plus-r18n_1xb8u8_shapes_12-96.py'
CUTMIX = 'configs/cutmix/cutmix_deeplabv3plus-r18n_1xb8u8_shapes_12-96.py'
VOC = 'configs/suponly/suponly_deeplabv3plus-r101_4xb2u0_voc_cps_662-513.py'
SHORT = ('--steps', 2, '--warmup', 1, '--crop', 32)


@pytest.fixture
def tool(root, tmp_path):
    """Run the tool; returns its process."""

    def run(*args):
        command = [sys.executable, root / 'tools/benchmark_step.py', *args]
        return subprocess.run(list(map(str, command)), cwd=root, capture_output=True, text=True)

    return run


@pytest.fixture
def small(root, tmp_path):
    """Write a leaf at a tenth of its size; returns its path."""

    def write(leaf, name='leaf.py', **changes):
        cfg = shrink(Config.fromfile(root / leaf), tmp_path)
        cfg.merge_from_dict(changes)
        cfg.dump(tmp_path / name)
        return tmp_path / name

    return write


def test_a_record_of_everything(tool, small, tmp_path):
    out = tmp_path / 'record.json'
    done = tool(small(LEAF), *SHORT, '--compare', 'plain', '--state', 'active', '--json', out)
    assert done.returncode == 0, done.stderr
    record = json.loads(out.read_text())
    assert {'overhead', 'step_ms', 'images_per_s', 'peak_mib', 'syncs'} <= set(record)
    assert record['overhead'] > 0 and record['syncs'] == 0 and record['passing'] >= 0.5
    assert record['images_per_s'] == pytest.approx(6 / record['step_ms'] * 1e3)  # three streams
    assert record['step_iqr_ms'] >= 0 and record['bare_ms'] > 0 and record['peak_mib'] > 0
    parts = record['parts_ms']
    assert set(record['part_rise_mib']) == set(parts)
    assert {'data', 'partner pass', 'joint pass', 'strong pass', 'maps', 'optimiser'} <= set(parts)
    assert {'pseudo label', 'losses', 'backward', 'EMA', 'rest'} <= set(parts)
    assert record['batch']['sup'] == [[3, 32, 32]] * 2 and record['state'] == 'active'
    assert record['device'] and record['versions']['torch'] and record['commit']
    (plain,), (ratio,) = record['variants'], record['ratios']
    assert plain['name'] == ratio['name'] == 'plain' and plain['syncs'] > 100
    assert ratio['step'] > 0 and ratio['pseudo_label_part'] > 0 and ratio['maps'] > 0
    assert plain['pseudo_label_mib'] > 0
    for word in ('overhead', 'images/s', 'joint pass', 'plain by leaf', 'load'):
        assert word in done.stdout
    assert 'step 1 of' not in done.stderr  # progress is for a terminal


def test_json_alone_on_stdout(tool, small):
    done = tool(small(CUTMIX), *SHORT, '--no-bare', '--json', '-')
    record = json.loads(done.stdout)
    assert 'bare_ms' not in record and record['parts_ms']['EMA'] > 0
    assert 'weak pass' in record['parts_ms'] and record['passing'] is not None


def test_two_leaves_of_one_batch(tool, small):
    other = small(LEAF, 'other.py', **{'model.correlation.num_maps': 16})
    done = tool(
        small(LEAF), *SHORT, '--no-bare', '--compare', other, 'channels-last', '--json', '-'
    )
    ratios = json.loads(done.stdout)['ratios']
    assert [ratio['name'] for ratio in ratios] == ['other', 'channels-last']


@pytest.mark.parametrize(
    'args, message',
    [
        (['nowhere.py'], 'nowhere.py: no such config; name a leaf'),
        (['configs/_base_/runtime.py'], 'has no model: name a leaf'),
        ([LEAF, '--steps', 0], '--steps 0: use at least 1'),
        ([LEAF, '--batch', 0], '--batch 0: use at least 1'),
        ([LEAF, '--data', '--batch', 2], '--batch and --crop shape the generated batch'),
        ([LEAF, CUTMIX, '--compare', 'plain'], '--compare takes one config and its variants'),
        ([LEAF, '--compare', 'faster'], "'faster' is neither a config file nor one of plain"),
        ([CUTMIX, '--compare', 'plain'], 'only CorrMatch has a plain transcription'),
        ([LEAF, '--device', 'cuda:77'], '--device cuda:77: there is no such device'),
        ([LEAF, '--cfg-options', 'a'], '--cfg-options takes KEY=VALUE pairs'),
        ([LEAF, '--compare', CUTMIX], f'{CUTMIX}: it does not see the batch of {LEAF}: views'),
        (
            [LEAF, '--compare', LEAF.replace('8u8_shapes_12-96', '4u4_camvid_46-240')],
            'it does not see the batch of',
        ),
        (
            # of one crop and batch, but with the labels of another data set
            [VOC, '--crop', 33, '--compare', VOC.replace('voc_cps_662', 'ade20k_unimatch_316')],
            'other labels in sup; compare leaves of one benchmark',
        ),
    ],
)
def test_refusals(root, args, message, monkeypatch, capsys):
    monkeypatch.chdir(root)
    tool = runpy.run_path('tools/benchmark_step.py')
    with pytest.raises(SystemExit) as caught:
        tool['main']([str(arg) for arg in args])
    line = str(caught.value)
    assert line.startswith('error: ') and '\n' not in line and message in line
    assert not capsys.readouterr().out


def test_a_method_without_pseudo_labels(tool, small):
    leaf = 'configs/suponly/suponly_deeplabv3plus-r18n_1xb8u0_shapes_12-96.py'
    done = tool(small(leaf), *SHORT, '--state', 'active')
    assert done.returncode == 1 and 'has no pseudo labels to pass a gate' in done.stderr


def test_too_large(root, small):
    """The address space is bounded, so that the batch is really too large."""
    code = (
        'import resource, runpy, sys, torch, mmseg_plugins, mmseg.models;'
        "used = int(open('/proc/self/statm').read().split()[0]) * 4096;"
        'resource.setrlimit(resource.RLIMIT_AS, (used + 3 * 2**30,) * 2);'
        "sys.argv = ['benchmark_step.py', *sys.argv[1:]];"
        "runpy.run_path('tools/benchmark_step.py', run_name='__main__')"
    )
    args = [small(LEAF), '--batch', 8, '--crop', 701, '--steps', 1]
    done = subprocess.run(
        [sys.executable, '-c', code, *map(str, args)], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr[-500:]
    (line,) = done.stderr.strip().splitlines()
    assert 'out of memory in the part' in line and '--batch below 8, --crop below 701' in line
