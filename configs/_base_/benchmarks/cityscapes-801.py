# Cityscapes, CorrMatch's geometry at crop 801: `python tools/prepare_data.py cityscapes`, lists by
# `python tools/prepare_data.py splits`. Scored over sliding windows (the network's test_cfg).
crop_size = (801, 801)
load = dict(type='LoadImageFromFile')  # of PNG every decoder makes the same, OpenCV soonest
geometry = [
    dict(type='RandomLongSideCrop', crop_size=crop_size, ratio_range=(0.5, 2.0)),
    dict(type='RandomFlip', prob=0.5),
]
images = dict(
    type='SplitCityscapesDataset',
    data_root='data',
    data_prefix=dict(img_path='cityscapes/leftImg8bit', seg_map_path='cityscapes/gtFine'),
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
        ann_file='cityscapes/val.txt',
        test_mode=True,
        pipeline=[load, dict(type='LoadIndexMask'), dict(type='PackSegInputs')],
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='ClassIoUMetric', iou_metrics=['mIoU'], absent='zero')
test_evaluator = val_evaluator
