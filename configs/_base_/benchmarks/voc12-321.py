# Pascal VOC 2012 with augmented masks, CorrMatch's geometry at crop 321 (CVPR 2024; its decoding
# and scaling are PIL's): `python tools/prepare_data.py voc12`, lists by `python
# tools/prepare_data.py splits`.
crop_size = (321, 321)
load = dict(type='LoadImageFromFile', imdecode_backend='pillow')
geometry = [
    dict(type='RandomLongSideCrop', crop_size=crop_size, ratio_range=(0.5, 2.0)),
    dict(type='RandomFlip', prob=0.5),
]
images = dict(
    type='SplitVOCDataset',
    data_root='data',
    data_prefix=dict(img_path='voc12/JPEGImages', seg_map_path='voc12/SegmentationClassAug'),
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
        ann_file='voc12/val.txt',
        test_mode=True,
        pipeline=[load, dict(type='LoadIndexMask'), dict(type='PackSegInputs')],
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='ClassIoUMetric', iou_metrics=['mIoU'], absent='zero')
test_evaluator = val_evaluator
