# Cityscapes at half resolution as French et al. (BMVC 2020) have it: training and validation on
# the 1024 x 512 copy of `python tools/prepare_data.py cityscapes`.
crop_size = (256, 512)
load = dict(type='LoadImageFromFile')
geometry = [
    dict(type='RandomScaleWindow', crop_size=crop_size, scales=(1.0,)),
    dict(type='RandomFlip', prob=0.5),
]
images = dict(
    type='SplitCityscapesDataset',
    data_root='data',
    data_prefix=dict(img_path='cityscapes_half/leftImg8bit', seg_map_path='cityscapes_half/gtFine'),
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
