# Written by tools/make_configs.py from matrix.yml: edit that.
_base_ = [
    '../_base_/benchmarks/nuscenes-32x1920.py',
    '../_base_/networks/fidnet.py',
    '../_base_/methods/cutmix_range_lu.py',
    '../_base_/schedules/adamw_onecycle.py',
    '../_base_/runtime.py',
]
protocol = dict(
    cell='nuscenes_10pct/cutmix-lu/fidnet',
    benchmark='nuscenes_10pct',
    method='cutmix-lu',
    network='fidnet',
    crop=[32, 1920],
    labelled_images=2813,
    unlabelled_images=25317,
    labelled_batch=8,
    unlabelled_batch=8,
    gpus=1,
    iterations=45000,
    epochs=14.2,
    eval_mode='pixels of the range image',
    predict_on='teacher',
    selection='best on val',
    cutmix_partner='labelled image',
    unlabelled_pool='all but the labelled',
    label_seed=None,
    setting='choice: no source states the range-view settings of this row',
    primary=False,
)
network = _base_.network
network.decode_head.num_classes = 16
preprocessor = _base_.data_preprocessor
preprocessor.size = _base_.crop_size
preprocessor.size_divisor = None
preprocessor.mean = None
preprocessor.std = None
model = dict(
    student=network,
    data_preprocessor=dict(
        type='MultiBranchDataPreprocessor',
        data_preprocessor=preprocessor,
    ),
)
train_dataloader = dict(
    batch_size=16,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='MultiSourceSampler', source_ratio=[8, 8], coupled_to=_base_.coupled_to),
    dataset=dict(
        type='SemiDataset',
        benchmark='nuscenes_10pct',
        labeled=_base_.labeled,
        unlabeled=_base_.unlabeled,
        streams=_base_.streams,
    ),
)
train_cfg = dict(max_iters=45000, val_interval=4500)
param_scheduler = dict(end=45000)
default_hooks = dict(checkpoint=dict(interval=4500))
auto_scale_lr = dict(enable=False, base_batch_size=16)
