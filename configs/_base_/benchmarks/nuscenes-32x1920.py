# nuScenes-lidarseg as range images of 32 x 1920, rows by ring: `python tools/prepare_data.py
# splits`, then `python tools/prepare_data.py nuscenes`. Channels are not scaled, as in the released
# code.
_base_ = './semantickitti-64x2048.py'
crop_size = (32, 1920)
load = dict(type='LoadLidarPoints')
project = dict(
    type='ProjectToRange',
    mode='ring',
    size=crop_size,
    scale=(1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
)
images = dict(
    type='NuScenesLidarDataset',
    data_prefix=dict(img_path='nuscenes', seg_map_path='nuscenes'),
)
near = dict(type='RemoveNearPoints')
geometry = [
    near,
    dict(
        type='AugmentPoints',
        drop=0.0,
        scale=(1.0, 1.05),
        reciprocal=True,
        scale_axes='xyz',
        shift=0.2,
    ),
    project,
]
labeled = dict(**images, pipeline=[load, dict(type='LoadLidarLabels'), *geometry])
unlabeled = dict(**images, pipeline=[load, *geometry])
scored = dict(
    **images,
    ann_file='nuscenes/val.txt',
    pipeline=[load, dict(type='LoadLidarLabels'), near, project, dict(type='PackScanInputs')],
)
val_dataloader = dict(dataset=scored)
test_dataloader = dict(dataset=scored)
