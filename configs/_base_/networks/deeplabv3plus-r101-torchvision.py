# DeepLab v3+ with ResNet-101 as French et al. ran it (specification 4.2): the ASPP is
# torchvision's; of the backbone's batch norm the statistics are frozen, scale and shift trained.
# SyncBN of the head is BN on the one GPU of theirs.
network = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNet',
        depth=101,
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        contract_dilation=True,
        style='pytorch',
        norm_cfg=dict(type='BN', requires_grad=True),
        norm_eval=True,
        init_cfg=dict(type='Pretrained', checkpoint='weights://resnet101-5d3b4d8f.pth'),
    ),
    decode_head=dict(
        type='DeepLabV3PlusHead',
        in_channels=(256, 2048),
        channels=256,
        c1_channels=48,
        dilations=(12, 24, 36),
        aspp_dropout_ratio=0.5,
        kaiming=True,
        num_classes=2,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        align_corners=False,
        loss_decode=dict(type='LabelledCrossEntropyLoss'),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
