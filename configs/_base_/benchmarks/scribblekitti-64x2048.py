# semantickitti-64x2048.py with scribbles for training: `python tools/prepare_data.py
# scribblekitti`. Validation has the dense labels.
_base_ = './semantickitti-64x2048.py'
images = dict(
    type='ScribbleKITTIDataset',
    data_prefix=dict(
        img_path='scribblekitti/sequences',
        seg_map_path='scribblekitti/sequences',
    ),
)
labeled = dict(**images)
unlabeled = dict(**images)
val_dataloader = dict(dataset=dict(**images, ann_file='scribblekitti/val.txt'))
test_dataloader = dict(dataset=dict(**images, ann_file='scribblekitti/val.txt'))
