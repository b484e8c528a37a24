# Written by tools/make_configs.py from matrix.yml: edit that.
_base_ = [
    '../_base_/benchmarks/shapes.py',
    '../_base_/networks/deeplabv3plus-r18n.py',
    '../_base_/methods/cutmix.py',
    '../_base_/schedules/adamw_poly.py',
    '../_base_/runtime.py',
]
protocol = dict(
    cell='shapes_12/cutmix/deeplabv3plus-r18n',
    benchmark='shapes_12',
    method='cutmix',
    network='deeplabv3plus-r18n',
    crop=96,
    labelled_images=12,
    unlabelled_images=188,
    labelled_batch=8,
    unlabelled_batch=8,
    gpus=1,
    iterations=600,
    epochs=25.5,
    eval_mode='whole image',
    predict_on='teacher',
    selection='last',
    cutmix_partner='independent image',
    unlabelled_pool='all but the labelled',
    label_seed=None,
    setting='ours, tiny',
    primary=True,
)
network = _base_.network
network.decode_head.num_classes = 6
preprocessor = _base_.data_preprocessor
preprocessor.size = _base_.crop_size
preprocessor.size_divisor = None
model = dict(
    student=network,
    data_preprocessor=dict(
        type='MultiBranchDataPreprocessor',
        data_preprocessor=preprocessor,
    ),
)
train_dataloader = dict(
    batch_size=24,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='MultiSourceSampler', source_ratio=[8, 8, 8], coupled_to=_base_.coupled_to),
    dataset=dict(
        type='SemiDataset',
        benchmark='shapes_12',
        labeled=_base_.labeled,
        unlabeled=_base_.unlabeled,
        streams=_base_.streams,
    ),
)
train_cfg = dict(max_iters=600, val_interval=100)
param_scheduler = dict(end=600)
default_hooks = dict(checkpoint=dict(interval=100))
auto_scale_lr = dict(enable=False, base_batch_size=24)
