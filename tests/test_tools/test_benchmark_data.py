"""tools/benchmark_data.py: what it measures, and what it refuses."""

import json
import runpy
import subprocess
import sys
import time

import numpy as np
import pytest
from mmcv.transforms import Compose
from mmengine.config import Config
from PIL import Image

from mmseg_plugins.benchmark.data_throughput import against_step
from mmseg_plugins.benchmark.stand_in_data import SIZES, stand_in
from mmseg_plugins.benchmark.timed_transforms import TimedTransforms
from mmseg_plugins.datasets.transforms import MultiBranch

LEAF = 'corrmatch/corrmatch_deeplabv3plus-r101_4xb2u2_voc_classic_92-321.py'


def tool(root, *args):
    command = [sys.executable, root / 'tools/benchmark_data.py', *args]
    return subprocess.run(command, capture_output=True, text=True, cwd=root)


def test_json_of_a_leaf(root):
    options = ['--draws', '2', '--repeats', '2', '--step-ms', '100', '--workers', '1', '--json']
    done = tool(root, root / 'configs' / LEAF, *options)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [stream['source'] for stream in found['streams']] == ['labeled', *['unlabeled'] * 2]
    assert found['streams'][2]['views'] == ['unsup_weak_mix', 'unsup_strong_mix']
    assert (found['batch'], found['data']) == (6, 'generated')
    assert found['needed_images_per_s'] == pytest.approx(60)
    assert found['cores'] == -(-found['batch_ms'] // 100)
    assert found['loader_images_per_s'] > 0
    for stream in found['streams']:
        names = set(stream['transforms'])
        assert {'LoadImageFromFile', 'RandomLongSideCrop', 'PackSegInputs'} < names
        assert ('StrongAugment' in names) == (stream['source'] == 'unlabeled')
        assert sum(stream['transforms'].values()) <= stream['spread'][1]


def test_a_batch_against_a_step():
    streams = [dict(images=2, ms=10.0), dict(images=1, ms=30.0)]
    found = against_step(streams, 20.0)
    assert found['batch_ms'] == 50 and found['images_per_s'] == pytest.approx(60)
    assert found['needed_images_per_s'] == pytest.approx(150) and found['cores'] == 3
    assert 'cores' not in against_step(streams, None)


class Slow:
    """Takes some milliseconds."""

    def __call__(self, results):
        time.sleep(0.01)
        return results


class Packing(Slow):
    def __call__(self, results):
        return dict(inputs=super().__call__(results), data_samples=None)


def test_times_are_those_of_a_transform_alone():
    branches = MultiBranch(['a', 'b'], a=[], b=[])
    for pipeline in branches.branch_pipelines.values():
        pipeline.transforms = [Packing()]
    pipeline = Compose([])
    pipeline.transforms = [Slow(), branches]
    timed = TimedTransforms(pipeline)
    pipeline(dict(img=0))
    assert set(timed.seconds) == {'Slow', 'Packing', 'MultiBranch'}
    assert timed.seconds['Slow'] >= 0.01 and timed.seconds['Packing'] >= 0.02
    assert timed.seconds['MultiBranch'] < 0.01  # without those inside


@pytest.mark.parametrize('name', ['voc12', 'cityscapes', 'shapes'])
def test_stand_ins_have_the_true_size(name, tmp_path):
    source = dict(data_prefix=dict(img_path=f'{name}/images', seg_map_path=f'{name}/masks'))
    cfg = Config(dict(train_dataloader=dict(dataset=dict(labeled=source, unlabeled=dict(source)))))
    stand_in(cfg, tmp_path, images=1)
    image, mask = next(tmp_path.glob('*/images/*')), next(tmp_path.glob('*/masks/*'))
    width, height, suffix = SIZES[name]
    assert Image.open(image).size == Image.open(mask).size == (width, height)
    assert image.name.endswith(suffix)
    # a photograph has 1 to 3 bits a pixel and channel as JPEG, and cannot be packed well as PNG
    bits = 8 * image.stat().st_size / (width * height * 3)
    assert (0.5 < bits < 4) if suffix == '.jpg' else (3 < bits < 8)
    assert set(np.unique(Image.open(mask))) <= {1, 2, 3, 4}
    assert cfg.train_dataloader.dataset.unlabeled.data_root == str(tmp_path)


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['configs/none.py'], 'configs/none.py is no file; name a leaf'),
        (['LEAF', '--draws', '0'], '--draws 0: give 1 or more'),
        (['LEAF', '--step-ms', '0'], '--step-ms 0: a step takes more than 0 ms'),
        (['LEAF', '--cfg-options', 'a'], '--cfg-options takes KEY=VALUE pairs'),
        (['configs/_base_/runtime.py'], 'has no streams to measure'),
        (
            ['LEAF', '--cfg-options', 'train_dataloader.dataset.labeled.data_prefix.img_path=own'],
            'the size of the images of own is not known',
        ),
    ],
)
def test_mistakes_are_told_in_one_line(root, args, message, capsys, monkeypatch):
    monkeypatch.chdir(root)
    args = [f'configs/{LEAF}' if arg == 'LEAF' else arg for arg in args]
    main = runpy.run_path(str(root / 'tools/benchmark_data.py'))['main']
    with pytest.raises(SystemExit) as stop:
        main(args)
    assert message in str(stop.value) and '\n' not in str(stop.value)
    assert capsys.readouterr().out == ''
