"""The picture of a range image, and the hook that draws it."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmseg_plugins.errors import UserError
from mmseg_plugins.hooks import RangeVisualizationHook
from mmseg_plugins.results.range_picture import GAP, UNKNOWN, range_picture
from mmseg_plugins.results.range_plots import draw_scans
from mmseg_plugins.results.step_parts import to_rgb

PALETTE = [[10, 20, 30], [200, 0, 0]]


def scan(scale=1.0):
    image = torch.zeros(6, 4, 5)
    image[4] = scale * torch.arange(20.0).view(4, 5)
    image[3] = torch.arange(20.0).view(4, 5) / 20
    image[5] = 1
    image[5, 0, 0] = 0
    image[:5, 0, 0] = -1
    return image


def test_bands():
    truth = torch.tensor([0, 1, 255, 0, 1]).expand(4, 5)
    picture = range_picture(scan(), PALETTE, truth, 1 - truth % 2, stretch=3)
    assert picture.shape == (4 * 12 + 3 * GAP, 5, 3) and picture.dtype == np.uint8
    depth, intensity, labels, prediction = (picture[n * (12 + GAP) :][:12] for n in range(4))
    for band in (depth, intensity, labels, prediction):
        assert (band[:3, 0] == 0).all(), 'no point there'
        assert (band[3:6] == band[3:4]).all(), 'each row three times'
    assert (np.diff(intensity[::3, 4, 0].astype(int)) > 0).all()
    assert len({tuple(colour) for colour in depth[::3, 4]}) == 4
    assert (np.ptp(intensity, axis=-1) == 0).all() and np.ptp(depth, axis=-1).max() > 100
    brighter = scan()
    brighter[3, 2, 2] = 9
    changed = (range_picture(brighter) != range_picture(scan())).any(axis=(1, 2))
    assert changed[8 + GAP :].any() and not changed[:8].any(), 'depth does not show intensity'
    assert labels[-1].tolist() == [PALETTE[0], PALETTE[1], list(UNKNOWN), *PALETTE]
    assert prediction[-1, :2].tolist() == [PALETTE[1], PALETTE[0]]
    # the scale of the input does not matter; nor does an empty scan stop the drawing
    assert (range_picture(scan(1 / 64)) == range_picture(scan())).all()
    assert (range_picture(torch.zeros(6, 4, 5))[:8] == 0).all()


def test_hook_draws_what_the_network_was_given():
    drawn = {}
    runner = SimpleNamespace(
        iter=7,
        visualizer=SimpleNamespace(
            add_image=lambda name, image, step: drawn.update({name: (image, step)})
        ),
    )
    dataset = SimpleNamespace(metainfo=dict(palette=PALETTE))
    runner.val_dataloader = runner.test_dataloader = SimpleNamespace(dataset=dataset)
    label = torch.zeros(1, 4, 5, dtype=torch.long)
    sample = SegDataSample(metainfo=dict(img_path='d/08/velodyne/000003.bin'))
    sample.pred_sem_seg = PixelData(data=label)
    batch = dict(inputs=[scan(), scan()])
    hook = RangeVisualizationHook(interval=2)
    hook.after_val_iter(runner, 1, batch, [sample] * 2)
    assert not drawn
    hook.after_val_iter(runner, 2, batch, [sample] * 2)
    assert set(drawn) == {'val_08_velodyne_000003'}
    picture, step = drawn['val_08_velodyne_000003']
    assert step == 7 and (picture == range_picture(scan(), PALETTE, None, label[0])).all()
    sample.gt_sem_seg = PixelData(data=label)
    hook.after_test_iter(runner, 0, batch, [sample] * 2)
    expected = range_picture(scan(), PALETTE, label[0], label[0])
    assert (drawn['test_08_velodyne_000003'][0] == expected).all()


def test_mistakes():
    with pytest.raises(UserError, match='interval=0 must be at least 1'):
        RangeVisualizationHook(interval=0)
    sample = SegDataSample(metainfo=dict(img_path='a.png'))
    with pytest.raises(UserError, match='a.png has 3 channels, a range image has 6'):
        RangeVisualizationHook().draw(
            None, None, 'val', dict(inputs=[torch.zeros(3, 2, 2)]), [sample], 0
        )


def test_figure_of_scans_and_runs():
    truth = np.tile([0, 1, 255, 0, 1], (4, 1))
    one = SimpleNamespace(
        name='000003', image=scan(), truth=truth, predictions=[truth % 2] * 2, scores=[50.04, 9.0]
    )
    figure = draw_scans([one, one], ['SupOnly', 'CutMix'], 'title', ('road', 'car'), PALETTE)
    names = [axes.get_ylabel() for axes in figure.axes]
    runs = ['SupOnly\nmIoU 50.0', 'CutMix\nmIoU 9.0']
    assert names == 2 * ['depth', 'intensity', 'ground truth', *runs]
    (legend,) = figure.legends
    keys = [text.get_text() for text in legend.get_texts()]
    assert keys == ['road', 'car', 'not labelled', 'no point']
    drawn = figure.axes[2].images[0].get_array()
    assert (drawn == range_picture(scan(), PALETTE, truth)[2 * (4 * 2 + GAP) :: 2]).all()


def test_step_pictures_show_the_depth():
    picture = to_rgb(None, scan()[None])
    assert picture.shape == (1, 3, 4, 5) and 0 <= picture.min() and picture.max() <= 1
    expected = range_picture(scan(), stretch=1)[:4] / 255
    assert np.allclose(picture[0].movedim(0, -1).numpy(), expected)
