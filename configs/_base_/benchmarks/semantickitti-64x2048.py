# SemanticKITTI as range images of 64 x 2048: `python tools/prepare_data.py semantickitti`, lists by
# `python tools/prepare_data.py splits`. Sequence 08 is scored: pixels, as published, and points
# (`point/mIoU`; with a vote: --cfg-options val_evaluator.1.vote=knn). For pictures:
# --cfg-options default_hooks.visualization.type=RangeVisualizationHook
crop_size = (64, 2048)
load = dict(type='LoadLidarPoints')
project = dict(type='ProjectToRange', size=crop_size)
images = dict(
    type='SemanticKITTIDataset',
    data_root='data',
    data_prefix=dict(
        img_path='semantickitti/sequences',
        seg_map_path='semantickitti/sequences',
    ),
)
geometry = [dict(type='AugmentPoints'), project, dict(type='RollColumns')]
labeled = dict(**images, pipeline=[load, dict(type='LoadLidarLabels'), *geometry])
unlabeled = dict(**images, with_labels=False, pipeline=[load, *geometry])
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **images,
        ann_file='semantickitti/val.txt',
        test_mode=True,
        pipeline=[
            load,
            dict(type='LoadLidarLabels'),
            project,
            dict(type='PackScanInputs'),
        ],
    ),
)
test_dataloader = val_dataloader
val_evaluator = [
    dict(type='ClassIoUMetric', iou_metrics=['mIoU'], absent='zero'),
    dict(type='PointIoUMetric', iou_metrics=['mIoU'], absent='zero'),
]
test_evaluator = val_evaluator
