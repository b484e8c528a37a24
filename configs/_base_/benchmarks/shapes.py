# The generated data set of `python tools/prepare_data.py shapes`.
crop_size = (96, 96)
geometry = [
    dict(type='RandomResize', scale=(128, 128), ratio_range=(0.75, 1.5), keep_ratio=True),
    dict(type='Pad', size=crop_size, pad_val=dict(img=0, seg=255)),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
]
images = dict(
    type='ShapesDataset',
    data_root='data',
    data_prefix=dict(img_path='shapes/JPEGImages', seg_map_path='shapes/SegmentationClass'),
)
labeled = dict(
    **images,
    pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadIndexMask'), *geometry],
)
unlabeled = dict(
    **images,
    with_labels=False,
    pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadValidMask'), *geometry],
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **images,
        ann_file='shapes/ImageSets/Segmentation/val.txt',
        test_mode=True,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadIndexMask'),
            dict(type='PackSegInputs'),
        ],
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='ClassIoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
