# DeepLab v3+ with the deep-stem ResNet-101 of CorrMatch and UniMatch at output stride 8, and
# CorrMatch's correlation branch: 64.198 M parameters with 21 classes (specification 1.1). The
# reference's backbone is mmseg's ResNetV1c with a stem of 64, 64 and 128 channels. Proof:
# tests/test_segmentors/test_golden_corrmatch_step.py gives it the reference's weights (R50, the
# same blocks) and gets the reference's logits, losses, gradients and statistics, in both modes.
network = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNetV1c',
        depth=101,
        stem_channels=128,
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        contract_dilation=True,
        zero_init_residual=False,
        style='pytorch',
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        norm_eval=False,
        init_cfg=dict(type='Pretrained', checkpoint='weights://resnet101_deepstem.pth'),
    ),
    decode_head=dict(
        type='DeepLabV3PlusHead',
        in_channels=(256, 2048),
        in_index=(0, 3),
        channels=256,
        c1_channels=48,
        dilations=(12, 24, 36),
        num_classes=2,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        align_corners=True,
        loss_decode=dict(type='LabelledCrossEntropyLoss'),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
correlation = dict(
    type='CorrelationHead',
    in_channels=2048,
    channels=256,
    num_classes=2,
    norm_cfg=dict(type='SyncBN', requires_grad=True),
)
