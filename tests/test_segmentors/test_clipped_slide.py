"""Whole image, centre crop and sliding window against numbers measured from the reference."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmcv.transforms import Compose
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import METRICS, MODELS
from mmseg.structures import SegDataSample
from students import FCN, RESNET, batch, corrmatch, encoder_decoder
from torch import nn

from mmseg_plugins.errors import UserError

SLIDE = dict(mode='slide', crop_size=(24, 24), stride=(16, 16))


def clipped(test_cfg, **head):
    config = encoder_decoder(RESNET, {**FCN, **head})
    return ConfigDict({**config, 'type': 'ClippedSlideEncoderDecoder', 'test_cfg': test_cfg})


class Image(nn.Module):
    """A backbone whose one feature map is the image."""

    def forward(self, inputs):
        return [inputs]


class StandIn(BaseDecodeHead):
    """The reference run's network: a convolution and a term of the window's mean colour."""

    def __init__(self, weight, bias, mean_weight):
        super().__init__(3, 3, num_classes=len(bias))
        self.tensors = weight, bias, mean_weight

    def forward(self, features):
        (x,) = features
        weight, bias, mean_weight = self.tensors
        mean = x.mean(dim=(2, 3)) @ mean_weight.T
        return F.conv2d(x, weight, bias, padding=2) + mean[:, :, None, None]


@pytest.fixture
def data(golden):
    return golden('corrmatch/eval_subset')


@pytest.fixture
def evaluate(data):
    """Predict images with the stand-in, as a student, and score them; both returned."""

    def evaluate(test_cfg, inputs, samples):
        model = MODELS.build(corrmatch(clipped(test_cfg), 32))
        head = StandIn(*(torch.from_numpy(data[key]) for key in ('W', 'bias', 'V')))
        model.student.backbone, model.student.decode_head = Image(), head
        model.student.out_channels = head.out_channels
        samples = model.predict(inputs, samples)
        metric = METRICS.build(dict(type='ClassIoUMetric', absent='zero'))
        metric.dataset_meta = dict(classes=tuple(map(str, range(19))))
        metric.process({}, [sample.to_dict() for sample in samples])
        return samples, metric.class_iou(metric.results)

    return evaluate


def full_images(data):
    samples = []
    for mask in torch.from_numpy(data['masks']).long():
        shape = dict(img_shape=mask.shape, ori_shape=tuple(mask.shape))
        samples.append(SegDataSample(gt_sem_seg=PixelData(data=mask[None]), metainfo=shape))
    return torch.from_numpy(data['images']), samples


def check(data, mode, samples, iou):
    pred = torch.cat([sample.pred_sem_seg.data for sample in samples])
    np.testing.assert_array_equal(pred.numpy(), data[f'{mode}.pred'])
    np.testing.assert_allclose(iou, 100 * data[f'{mode}.iou'], rtol=1e-10, atol=0)
    assert iou.mean() == pytest.approx(float(data[f'{mode}.miou']), rel=1e-10)


def test_whole_image(data, evaluate):
    check(data, 'original', *evaluate(dict(mode='whole'), *full_images(data)))


def test_sliding_window(data, evaluate):
    """40 x 70 in windows of 24 every 16 pixels: the last are 8 high and 6 wide."""
    samples, iou = evaluate(SLIDE, *full_images(data))
    check(data, 'sliding_window', samples, iou)
    total = torch.stack([sample.seg_logits.data for sample in samples]).numpy()
    expected = data['sliding_window.softmax_sum']
    np.testing.assert_allclose(total[:, :, ::3, ::3], expected, rtol=1e-5, atol=1e-6)


def test_center_crop(data, evaluate):
    """The pipeline's crop is what is segmented and scored."""
    pipeline = Compose(
        [dict(type='CenterCropSample', crop_size=int(data['grid'])), dict(type='PackSegInputs')]
    )
    packed = []
    for image, mask in zip(data['images'], data['masks'], strict=True):
        results = dict(img=image.transpose(1, 2, 0), gt_seg_map=mask, seg_fields=['gt_seg_map'])
        packed.append(pipeline({**results, 'ori_shape': mask.shape, 'img_shape': mask.shape}))
    inputs = torch.stack([one['inputs'] for one in packed])
    samples = [one['data_samples'] for one in packed]
    check(data, 'center_crop', *evaluate(dict(mode='whole'), inputs, samples))


def test_whole_mode_and_weights_are_mmsegs():
    torch.manual_seed(0)
    ours = MODELS.build(clipped(dict(mode='whole'))).eval()
    theirs = MODELS.build(ConfigDict(encoder_decoder(RESNET, FCN))).eval()
    theirs.load_state_dict(ours.state_dict())
    inputs, samples = batch(views=('sup',), size=(33, 49))
    results = [model.predict(inputs['sup'], samples['sup']) for model in (ours, theirs)]
    logits = [[sample.seg_logits.data for sample in result] for result in results]
    assert all(torch.equal(*pair) for pair in zip(*logits, strict=True))


@pytest.mark.parametrize('num_classes', [2, 7])
def test_windows_of_a_real_network(num_classes):
    """Each pixel holds one full probability per window over it; the metas stay as they were."""
    model = MODELS.build(clipped(SLIDE, num_classes=num_classes)).eval()
    inputs = torch.randn(2, 3, 40, 17)
    metas = [dict(img_shape=(40, 17), ori_shape=(40, 17))] * 2
    with torch.no_grad():
        total = model.inference(inputs, metas)
    assert total.shape == (2, num_classes, 40, 17)
    rows = torch.tensor([1.0] * 16 + [2.0] * 8 + [1.0] * 8 + [2.0] * 8)  # from 0, 16, 32
    columns = torch.tensor([1.0] * 16 + [2.0])
    visits = (rows[:, None] * columns).expand(2, 40, 17)
    torch.testing.assert_close(total.sum(dim=1), visits)
    assert metas[0]['img_shape'] == (40, 17)


def test_trains_as_a_student():
    """Slide is a way to predict: the training step runs on whole crops."""
    torch.manual_seed(0)
    model = MODELS.build(corrmatch(clipped(SLIDE), 32))
    model.parse_losses(model.loss(*batch()))[0].backward()
    inputs, samples = batch(views=('sup',))
    pred = model.eval().predict(inputs['sup'], samples['sup'])
    assert pred[0].pred_sem_seg.data.shape == (1, 33, 49)


@pytest.mark.parametrize(
    'test_cfg, shown',
    [
        (dict(mode='slide'), 'crop_size=None, stride=None'),
        (dict(SLIDE, stride=(16, 25)), r'stride=\(16, 25\)'),
        (dict(SLIDE, stride=(0, 16)), r'stride=\(0, 16\)'),
        (dict(SLIDE, crop_size=24), 'crop_size=24'),
    ],
)
def test_unfit_windows(test_cfg, shown):
    with pytest.raises(UserError, match=shown + '.*1 <= stride <= crop_size'):
        MODELS.build(clipped(test_cfg))


def test_one_output_channel():
    with pytest.raises(UserError, match='set out_channels=2'):
        MODELS.build(clipped(SLIDE, num_classes=2, out_channels=1))
