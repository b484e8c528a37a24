"""Small configs of mmseg segmentors not written for this package, and batches for them."""

import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

BN = dict(type='BN')
CE = dict(type='CrossEntropyLoss', avg_non_ignore=True)
RESNET = dict(
    type='ResNetV1c',
    depth=18,
    base_channels=4,
    stem_channels=4,
    strides=(1, 2, 1, 1),
    dilations=(1, 1, 2, 4),
    norm_cfg=BN,
)
COMMON = dict(num_classes=3, norm_cfg=BN, loss_decode=CE)
FCN = dict(type='FCNHead', in_channels=32, in_index=3, channels=8, num_convs=1, **COMMON)
AUX = {**FCN, 'in_channels': 16, 'in_index': 2, 'loss_decode': {**CE, 'loss_weight': 0.4}}


def encoder_decoder(backbone, head, **kwargs):
    return dict(
        type='EncoderDecoder',
        backbone=backbone,
        decode_head=head,
        train_cfg=dict(),
        test_cfg=dict(mode='whole'),
        **kwargs,
    )


# name: (config, channels of the last feature map)
STUDENTS = {
    'fcn': (encoder_decoder(RESNET, FCN), 32),
    'psp_aux': (
        encoder_decoder(
            RESNET,
            dict(type='PSPHead', in_channels=32, in_index=3, channels=8, **COMMON),
            auxiliary_head=AUX,
        ),
        32,
    ),
    'upernet_fpn_neck': (
        encoder_decoder(
            RESNET,
            dict(
                type='FPNHead',
                in_channels=[8] * 4,
                in_index=[0, 1, 2, 3],
                feature_strides=[4, 8, 8, 8],
                channels=8,
                **COMMON,
            ),
            neck=dict(type='FPN', in_channels=[4, 8, 16, 32], out_channels=8, num_outs=4),
        ),
        8,
    ),
    'segformer': (
        encoder_decoder(
            dict(
                type='MixVisionTransformer',
                embed_dims=8,
                num_layers=[1, 1, 1, 1],
                num_heads=[1, 1, 1, 1],
            ),
            dict(
                type='SegformerHead',
                in_channels=[8, 8, 8, 8],
                in_index=[0, 1, 2, 3],
                channels=8,
                **COMMON,
            ),
        ),
        8,
    ),
    'ocr_cascade': (
        dict(
            type='CascadeEncoderDecoder',
            num_stages=2,
            backbone=RESNET,
            decode_head=[
                FCN,
                dict(
                    type='OCRHead',
                    in_channels=32,
                    in_index=3,
                    channels=8,
                    ocr_channels=4,
                    **COMMON,
                ),
            ],
            train_cfg=dict(),
            test_cfg=dict(mode='whole'),
        ),
        32,
    ),
}

VIEWS = ('sup', 'unsup_weak', 'unsup_strong', 'unsup_weak_mix', 'unsup_strong_mix')


def batch(num=2, size=(33, 49), num_classes=3, views=VIEWS):
    """Random images and samples: labels on ``sup``, a padded corner elsewhere."""
    inputs = {view: torch.randn(num, 3, *size) for view in views}
    samples = {}
    for view in views:
        samples[view] = []
        for _ in range(num):
            label = torch.zeros(1, *size, dtype=torch.long)
            if view == 'sup':
                label = torch.randint(num_classes, (1, *size))
            label[:, -5:, -5:] = 255
            samples[view].append(
                SegDataSample(
                    gt_sem_seg=PixelData(data=label), metainfo=dict(img_shape=size, ori_shape=size)
                )
            )
    return inputs, samples


def cutmix(student, **kwargs):
    return ConfigDict(type='CutMix', student=student, predict_on='teacher', **kwargs)


def corrmatch(student, channels, num_classes=3, **kwargs):
    correlation = dict(
        type='CorrelationHead',
        in_channels=channels,
        channels=8,
        num_classes=num_classes,
        num_maps=16,
        norm_cfg=BN,
    )
    return ConfigDict(type='CorrMatch', student=student, correlation=correlation, **kwargs)
