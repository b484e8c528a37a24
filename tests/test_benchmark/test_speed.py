"""How near a step is to the bare network: `make test-speed`, on a quiet machine."""

import json
import statistics
import subprocess
import sys
import time

import pytest
import torch

from mmseg_plugins.benchmark.plain_corrmatch import binarise_plainly
from mmseg_plugins.ops.correlation import binary_maps

pytestmark = pytest.mark.slow
VOC = '{0}/{0}_deeplabv3plus-r101_4xb2u2_voc_classic_92-321.py'
R50 = ['--cfg-options', 'model.student.backbone.depth=50', '--crop', 161, '--batch', 2]


@pytest.fixture
def measured(root, tmp_path):
    """Run the tool on a leaf and read its record."""

    def run(leaf, *args):
        out = tmp_path / 'record.json'
        command = [sys.executable, 'tools/benchmark_step.py', f'configs/{leaf}', *args]
        command += ['--state', 'active', '--device', 'cpu', '--json', out]
        subprocess.run(list(map(str, command)), cwd=root, check=True)
        return json.loads(out.read_text())

    return run


def test_corrmatch(measured):
    """R50, crop 161, 2 + 2 images."""
    record = measured(VOC.format('corrmatch'), *R50, '--compare', 'plain')
    (ratio,) = record['ratios']
    print(ratio)
    assert record['overhead'] <= 0.03
    assert ratio['pseudo_label_part'] >= 4
    assert ratio['pseudo_label_mib'] >= 4


def test_cutmix(measured):
    assert measured(VOC.format('cutmix'), *R50)['overhead'] <= 0.05


def test_a_tiny_network(measured):
    leaf = 'corrmatch/corrmatch_deeplabv3plus-r18n_1xb8u8_shapes_12-96.py'
    assert measured(leaf)['overhead'] <= 0.25


def test_binary_maps():
    """Crop 321, four images, 128 maps: only those that are used, against all of both passes."""
    rows = torch.rand(12, 128, 41 * 41).softmax(-1)

    def plainly():
        for some in (rows[:8], rows[8:]):
            binarise_plainly(some.unflatten(2, (41, 41)), (321, 321))

    def ours():
        binary_maps(rows[:4], (41, 41), (321, 321))

    times = {plainly: [], ours: []}
    for _ in range(5):
        for function, taken in times.items():
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
    plain, fast = (statistics.median(taken) for taken in times.values())
    print(f'{1e3 * plain:.0f} ms and {1e3 * fast:.0f} ms, ratio {plain / fast:.1f}')
    assert plain >= 4 * fast
