# The generated LiDAR data set of `python tools/prepare_data.py scans`, as range images of 32 x 256.
_base_ = './semantickitti-64x2048.py'
crop_size = (32, 256)
load = dict(type='LoadLidarPoints')
project = dict(type='ProjectToRange', size=crop_size)
images = dict(
    type='ScansDataset',
    data_prefix=dict(img_path='scans/sequences', seg_map_path='scans/sequences'),
)
geometry = [dict(type='AugmentPoints'), project, dict(type='RollColumns', margin=0)]
labeled = dict(**images, pipeline=[load, dict(type='LoadLidarLabels'), *geometry])
unlabeled = dict(**images, pipeline=[load, *geometry])
scored = dict(
    **images,
    ann_file='scans/val.txt',
    pipeline=[load, dict(type='LoadLidarLabels'), project, dict(type='PackScanInputs')],
)
val_dataloader = dict(num_workers=2, dataset=scored)
test_dataloader = dict(num_workers=2, dataset=scored)
val_evaluator = [
    dict(type='ClassIoUMetric', iou_metrics=['mIoU']),
    dict(type='PointIoUMetric', iou_metrics=['mIoU']),
]
test_evaluator = val_evaluator
