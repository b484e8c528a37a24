"""Ten float64 steps of CorrMatch with a small network, held to golden numbers."""

from golden_losses import batch, check, fill, train
from mmseg.registry import MODELS
from students import BN, CE, RESNET, VIEWS, corrmatch, encoder_decoder

CLASSES = 4
HEAD = dict(
    type='DeepLabV3PlusHead',
    in_channels=(4, 32),
    channels=8,
    c1_channels=4,
    dilations=(1, 2, 3),
    num_classes=CLASSES,
    norm_cfg=BN,
    loss_decode=CE,
)


def losses() -> list[dict]:
    # dropout off; half of the pixels pass the filter, and regions move labels
    cfg = corrmatch(encoder_decoder(RESNET, HEAD), 32, CLASSES, perturb_ratio=0)
    cfg.correlation.update(num_maps=64, dropout_ratio=0)
    cfg.update(thresh_init=0.4, thresh_momentum=0.01)
    # with 67 pixels no resized region lies exactly on its threshold, where rounding would decide
    batches = [batch(VIEWS, step, size=67, num_classes=CLASSES) for step in range(10)]
    return train(fill(MODELS.build(cfg)), batches)


def test_golden_losses():
    history = losses()
    assert all(0.2 < step['mask_ratio'] < 0.8 for step in history)
    assert all(step['propagated_ratio'] > 0.02 for step in history)
    check('corrmatch', history)
