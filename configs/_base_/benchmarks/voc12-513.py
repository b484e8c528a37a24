# voc12-321.py with crops of 513.
_base_ = './voc12-321.py'
crop_size = (513, 513)
load = dict(type='LoadImageFromFile', imdecode_backend='pillow')
geometry = [
    dict(type='RandomLongSide', ratio_range=(0.5, 2.0)),
    dict(type='Pad', size=crop_size, pad_val=dict(img=0, seg=255)),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
]
labeled = dict(pipeline=[load, dict(type='LoadIndexMask'), *geometry])
unlabeled = dict(pipeline=[load, dict(type='LoadValidMask'), *geometry])
