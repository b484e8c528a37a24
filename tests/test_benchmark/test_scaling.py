"""Lines through points, and the tool that draws them."""

import json
import subprocess
import sys

import pytest
from mmengine.config import Config
from shrink import shrink

from mmseg_plugins.benchmark.scaling import fit_line

LEAF = 'configs/corrmatch/corrmatch_deeplabv3plus-r18n_1xb8u8_shapes_12-96.py'


def test_lines():
    line = fit_line([1, 2, 4, 8], [13, 16, 22, 34])
    assert (line.offset, line.slope, line.r2) == pytest.approx((10, 3, 1))
    assert line.exponent < 1
    square = fit_line([1, 2, 4, 8], [1, 4, 16, 64])
    assert square.exponent == pytest.approx(2) and square.r2 < 0.97
    assert fit_line([1, 2], [5, 5]).r2 == 1


@pytest.mark.slow
def test_tool(root, tmp_path):
    cfg = shrink(Config.fromfile(root / LEAF), tmp_path)
    cfg.dump(tmp_path / 'leaf.py')
    out, record = tmp_path / 'cost.svg', tmp_path / 'cost.json'
    tool = [sys.executable, root / 'tools/benchmark_scaling.py', tmp_path / 'leaf.py', '--out', out]
    sizes = ['--batch', 2, 3, '--crop', 24, 32, '--maps', 8, 16]
    sizes += ['--classes', 6, 9, '--steps', 2]
    done = subprocess.run(
        list(map(str, [*tool, *sizes, '--json', record])), cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    curves = json.loads(record.read_text())['curves']
    assert [curve['axis'] for curve in curves] == ['batch', 'crop', 'maps', 'classes']
    assert curves[1]['x'] == [576, 1024] and all(ms > 0 for ms in curves[2]['logic_ms'])
    assert out.read_text().startswith('<?xml') and 'exponent' in done.stdout
    for args, message in (
        (['--batch', 2], 'a line needs two values'),
        (['--steps', 0], '--steps 0: use at least 1'),
        (['--device', 'cuda:77'], '--device cuda:77: there is no such device'),
    ):
        done = subprocess.run(
            list(map(str, [*tool, *args])), cwd=root, capture_output=True, text=True
        )
        assert done.returncode == 1 and message in done.stderr and done.stderr.count('\n') == 1
