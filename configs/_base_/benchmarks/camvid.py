# CamVid, 480 x 360, 11 classes: `python tools/prepare_data.py camvid --source DIR`.
crop_size = (240, 240)
geometry = [
    dict(type='RandomResize', scale=(480, 360), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='Pad', size=crop_size, pad_val=dict(img=0, seg=255)),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
]
images = dict(
    type='CamVidDataset',
    data_root='data',
    data_prefix=dict(img_path='camvid/images', seg_map_path='camvid/annotations'),
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
        ann_file='camvid/val.txt',
        test_mode=True,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadIndexMask'),
            dict(type='PackSegInputs'),
        ],
    ),
)
# The 233 test frames, where the source has them, are scored by `mim test` with
# --cfg-options test_dataloader.dataset.ann_file=camvid/test.txt
test_dataloader = val_dataloader
val_evaluator = dict(type='ClassIoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
