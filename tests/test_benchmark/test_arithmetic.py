"""Counted operations against those of the profile of the reference."""

import runpy

import pytest
from mmengine.config import Config

from mmseg_plugins.benchmark.arithmetic import step_tflop

LEAF = 'configs/corrmatch/corrmatch_deeplabv3plus-r101_4xb2u2_voc_classic_92-321.py'
VOC = 'corrmatch/*voc_classic_*-321.py'


@pytest.mark.parametrize(
    'depth, crop, batch, expected', [(101, 321, 4, 10.95), (101, 513, 4, 27.6), (50, 161, 2, 1.10)]
)
def test_a_corrmatch_step(root, depth, crop, batch, expected):
    """Specification, profile, section 3."""
    cfg = Config.fromfile(root / LEAF)
    cfg.model.student.backbone.depth = depth
    cfg.model.data_preprocessor.data_preprocessor.size = (crop, crop)
    cfg.train_dataloader.sampler.source_ratio = [batch] * 3
    assert step_tflop(cfg) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    'leaf, passes',
    [
        ('suponly/suponly', 3),  # a backward counts as two passes
        ('cutmix/cutmix', 8),  # weak, partner; labelled and mixed with their backward
        ('cutmix/cutmix-lu', 17),  # weak, partner; labelled, two mixtures, two unmixed
        ('cutmix/cutmix-strips', 7),  # the partner is in the batch
    ],
)
def test_passes_of_range_images(root, leaf, passes):
    batch = 8 if 'suponly' not in leaf else 0
    name = f'{leaf}_fidnet_1xb8u{batch}_semantickitti_10pct-64x2048.py'
    one = step_tflop(Config.fromfile(root / 'configs' / name)) / passes
    assert one == pytest.approx(5.414, rel=0.01)  # FIDNet on eight images of 64 x 2048


def test_hours(root, monkeypatch, capsys):
    """Hours are proportional to iterations and GPUs; every leaf is in a group."""
    tool = runpy.run_path(str(root / 'tools/estimate_gpu_hours.py'))
    monkeypatch.setitem(tool['table'].__globals__, 'step_tflop', lambda cfg: 3.6)
    text = tool['table'](root / 'configs', 100.0)
    protocols = [Config.fromfile(path).protocol for path in (root / 'configs').glob(VOC)]
    # on four GPUs; 3.6 TFLOP at 100 TFLOP/s: 1e-5 hours
    hours = sum(protocol.iterations for protocol in protocols) / len(protocols) * 4e-5
    row = next(line for line in text.splitlines() if 'voc_classic' in line and 'corrmatch' in line)
    cells = [cell.strip() for cell in row.strip('|').split('|')]
    assert cells[1:4] == ['corrmatch', 'deeplabv3plus-r101', '321'] and cells[6] == f'{hours:.1f}'
    leaves = sum(1 for path in (root / 'configs').glob('*/*_*.py') if path.parent.name != '_base_')
    counts = [int(line.split('|')[5]) for line in text.splitlines()[2:] if line.startswith('|')]
    assert sum(counts) == leaves
    with pytest.raises(SystemExit, match='--tflops 0.0: a GPU does more than that'):
        tool['main'](['--tflops', '0'])
