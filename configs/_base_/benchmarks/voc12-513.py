# voc12-321.py with crops of 513.
_base_ = './voc12-321.py'
crop_size = (513, 513)
load = dict(type='LoadImageFromFile', imdecode_backend='pillow')
geometry = [
    dict(type='RandomLongSideCrop', crop_size=crop_size, ratio_range=(0.5, 2.0)),
    dict(type='RandomFlip', prob=0.5),
]
labeled = dict(pipeline=[load, dict(type='LoadIndexMask'), *geometry])
unlabeled = dict(pipeline=[load, dict(type='LoadValidMask'), *geometry])
