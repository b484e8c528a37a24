# FIDNet ("ResNet34-point") for range images of six channels, from random weights (specification,
# range view, 3.1), 6.05 M parameters. Losses as in the released range-view configurations (3.2):
# cross entropy over all pixels, unlabelled ones counting 0 (avg_non_ignore=True: over labelled
# ones), soft Dice and three times Lovász softmax. What the paper's CutMix-Seg had is not known.
network = dict(
    type='EncoderDecoder',
    backbone=dict(type='FIDNet', in_channels=6),
    decode_head=dict(
        type='FIDHead',
        in_channels=1024,
        hidden_channels=(512, 128),
        num_classes=2,
        loss_decode=[
            dict(type='CrossEntropyLoss', avg_non_ignore=False),
            dict(type='ClassDiceLoss'),
            dict(type='MaskedLovaszLoss', loss_weight=3.0),
        ],
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
