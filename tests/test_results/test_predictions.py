"""The picture of several runs' predictions, from a leaf and checkpoints of it."""

import runpy
import shutil

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from mmengine.config import Config
from mmengine.runner import set_random_seed
from mmseg.registry import MODELS
from PIL import Image

from mmseg_plugins.datasets.prepare import scans
from mmseg_plugins.results.prediction_parts import (
    ImagePredictions,
    image_miou,
    open_runs,
    predict_images,
    worst_images,
)
from mmseg_plugins.results.prediction_plots import draw_predictions, wrap

STEM = 'deeplabv3plus-r18n_1xb8u{}_shapes_12-96.py'
LEAVES = {
    'SupOnly': 'configs/suponly/suponly_' + STEM.format(0),
    'CutMix': 'configs/cutmix/cutmix_' + STEM.format(8),
    'CamVid': 'configs/suponly/suponly_deeplabv3plus-r18n_1xb4u0_camvid_46-240.py',
    'Scans': 'configs/cutmix/cutmix_fidnet-n_1xb4u4_scans_4-32x256.py',
}


@pytest.fixture
def sources(root, tiny_data, monkeypatch):
    """Runs on three images: config, checkpoint, config file, checkpoint file."""
    monkeypatch.chdir(tiny_data.parent)
    (tiny_data / 'shapes/ImageSets/Segmentation/val.txt').write_text('d\ne\nf\n')

    def make(name, seed=0):
        cfg = Config.fromfile(root / LEAVES[name])
        set_random_seed(seed)
        model = MODELS.build(cfg.model)
        model.init_weights()
        checkpoint = {'meta': {'iter': 7}, 'state_dict': model.state_dict()}
        path = tiny_data.parent / f'{name}{seed}.pth'
        torch.save(checkpoint, path)
        return cfg, checkpoint, root / LEAVES[name], path

    return make


def test_the_miou_of_an_image():
    truth = torch.tensor([[0, 0, 1, 1], [0, 0, 255, 255]])
    prediction = torch.tensor([[0, 0, 1, 2], [0, 0, 3, 3]])
    # class 0: 4 of 4, 1: 1 of 2, 2: 0 of 1; 3 lies where nothing is labelled
    assert image_miou(prediction, truth, 5) == pytest.approx(50)
    assert np.isnan(image_miou(prediction, torch.full_like(truth, 255), 5))


def test_runs_beside_each_other(sources, tiny_data):
    runs = open_runs([sources('SupOnly'), sources('CutMix')])
    assert [run.label for run in runs] == ['SupOnly', 'CutMix']
    worst = worst_images(runs[0], 2)
    images = predict_images(runs, ['f.png', 'some/d', 'e'])
    assert [image.name for image in images] == ['f', 'd', 'e']
    for image in images:
        mask = Image.open(tiny_data / f'shapes/SegmentationClass/{image.name}.png')
        assert (image.truth == np.asarray(mask)).all()
        assert [p.shape for p in image.predictions] == [(40, 48)] * 2
        assert image.scores[1] == image_miou(
            *(torch.from_numpy(array) for array in (image.predictions[1], image.truth)), 6
        )
    ranked = sorted(images, key=lambda image: image.scores[0])
    assert worst == [image.name for image in ranked[:2]]


def test_a_run_twice_has_two_names(sources):
    runs = open_runs([sources('CutMix'), sources('CutMix', seed=1)])
    assert [run.label.split('\n')[-1] for run in runs] == ['CutMix0', 'CutMix1']


def test_the_picture(tmp_path):
    path = tmp_path / 'a.png'
    Image.new('RGB', (6, 4), (255, 128, 0)).save(path)
    truth = np.zeros((4, 6), int)
    truth[0] = 255
    image = ImagePredictions('a', str(path), truth, [truth * 0 + 2] * 2, [12.34, 100.0])
    palette = [[0, 0, 0], [9, 9, 9], [0, 0, 255]]
    figure = draw_predictions([image] * 2, ['A', 'B'], 'title', ['x', 'y', 'z'], palette)
    assert [axes.get_title() for axes in figure.axes[:4]] == ['image', 'ground truth', 'A', 'B']
    assert [axes.get_xlabel() for axes in figure.axes[4:]] == ['', '', 'mIoU 12.3', 'mIoU 100.0']
    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert shown[2][3, 5].tolist() == [0, 0, 1] and shown[1][3, 5].tolist() == [0, 0, 0]
    assert shown[1][0, 0].tolist() != [0, 0, 0]
    assert [t.get_text() for t in figure.legends[0].texts] == ['x', 'z', 'not labelled']
    plt.close(figure)


def test_long_names_are_broken():
    assert wrap('CorrMatch\ncorrmatch_r101_voc-321', 12) == 'CorrMatch\ncorrmatch_\nr101_voc-321'
    assert wrap('abcdef', 4) == 'abcd\nef' and wrap('a', 0.5) == 'a'


@pytest.fixture
def call(root, capsys):
    main = runpy.run_path(str(root / 'tools/plot_predictions.py'))['main']

    def run(*args):
        code = 0
        capsys.readouterr()  # what building checkpoints said
        try:
            main([str(arg) for arg in args])
        except SystemExit as error:
            code = error.code
        return code, capsys.readouterr().out

    return run


def test_the_tool(call, sources, tiny_data, tmp_path):
    _, _, config, path = sources('SupOnly')
    run, out = ('--run', config, path), tmp_path / 'new' / 'seen.svg'
    assert call(*run, '--worst', 1, '--out', out) == (0, f'{out}\n')
    assert b'with the lowest mIoU' in out.read_bytes()

    def error(*args):
        code, _ = call(*args)
        assert isinstance(code, str) and code.startswith('error: ') and '\n' not in code
        return code

    assert "no image 'z'; it has d, e, f" in error(*run, '--images', 'd', 'z')
    assert '--worst 0' in error(*run, '--worst', 0)
    assert '.gif' in error(*run, '--out', 'a.gif')
    assert 'none.pth' in error('--run', config, 'none.pth')
    other = ('--run', *sources('CamVid')[2:])
    assert 'camvid' in error(*run, *other)  # its data is missing
    assert 'does not fit' in error('--run', config, other[2])
    for folder, its in (('JPEGImages', 'images'), ('SegmentationClass', 'annotations')):
        shutil.copytree(tiny_data / 'shapes' / folder, tiny_data / 'camvid' / its)
    (tiny_data / 'camvid/val.txt').write_text('a\n')
    assert 'has other classes than' in error(*run, *other, '--images', 'd')
    assert 'does not fit' in error('--run', config, sources('CutMix')[3])
    assert 'KEY=VALUE' in error(*run, '--cfg-options', 'seed')
    assert not (tmp_path / 'predictions.png').exists()


def test_scans(call, sources, tiny_data, tmp_path):
    scans.prepare(tiny_data, counts=(4, 2), labelled=(4,), nuscenes_counts=(0, 0))
    runs = [('--run', *sources('Scans', seed)[2:]) for seed in (0, 1)]
    out = tmp_path / 'seen.svg'
    assert call(*runs[0], *runs[1], '--images', '000001', '--out', out) == (0, f'{out}\n')
    drawn = out.read_text()
    assert drawn.count('<image') == 5  # depth, intensity, ground truth, two predictions


def test_a_scan_may_be_named_as_its_picture_is(sources):
    """The file of a scan of nuScenes is x.pcd.bin; figures call it x.pcd."""
    (run,) = open_runs([sources('SupOnly')])
    known = run.index_of()
    run.index_of = lambda: {f'{name}.pcd': place for name, place in known.items()}
    (first, *_) = known
    for name in (f'{first}.pcd', f'{first}.pcd.bin', f'samples/LIDAR_TOP/{first}.pcd.bin'):
        (image,) = predict_images([run], [name])
        assert image.name == f'{first}.pcd'
