# DeepLab v2 with ResNet-101 as French et al. ran it (specification 4.1): the stride lies in the
# first 1x1 of a block, every block of a stage has the full dilation, pooling rounds up, batch norm
# is frozen whole. The weights are torchvision's (V1), trained with the stride in the 3x3: in
# layer2.0 the block does not fit them, and that is kept on purpose.
network = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='CeilResNet',
        depth=101,
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        contract_dilation=False,
        style='caffe',
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        init_cfg=dict(type='Pretrained', checkpoint='weights://resnet101-5d3b4d8f.pth'),
    ),
    decode_head=dict(
        type='DeepLabV2Head',
        in_channels=2048,
        dilations=(6, 12, 18, 24),
        live_branches=2,  # the others were never reached; 4 sums them all
        num_classes=2,
        align_corners=True,
        loss_decode=dict(type='LabelledCrossEntropyLoss'),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
