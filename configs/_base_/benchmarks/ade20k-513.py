# ADE20K with 150 classes, the geometry of voc12-513.py: `python tools/prepare_data.py ade20k`,
# lists by `python tools/prepare_data.py splits`.
crop_size = (513, 513)
load = dict(type='LoadImageFromFile', imdecode_backend='pillow')
geometry = [
    dict(type='RandomLongSideCrop', crop_size=crop_size, ratio_range=(0.5, 2.0)),
    dict(type='RandomFlip', prob=0.5),
]
images = dict(
    type='SplitADE20KDataset',
    data_root='data',
    data_prefix=dict(img_path='ade20k/images', seg_map_path='ade20k/annotations'),
)
labeled = dict(**images, pipeline=[load, dict(type='LoadIndexMask'), *geometry])
unlabeled = dict(
    **images, with_labels=False, pipeline=[load, dict(type='LoadValidMask'), *geometry]
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **images,
        ann_file='ade20k/val.txt',
        test_mode=True,
        pipeline=[load, dict(type='LoadIndexMask'), dict(type='PackSegInputs')],
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='ClassIoUMetric', iou_metrics=['mIoU'], absent='zero')
test_evaluator = val_evaluator
