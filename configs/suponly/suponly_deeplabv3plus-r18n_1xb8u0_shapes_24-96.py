# Written by tools/make_configs.py from matrix.yml: edit that.
_base_ = [
    '../_base_/benchmarks/shapes.py',
    '../_base_/networks/deeplabv3plus-r18n.py',
    '../_base_/methods/suponly_ema.py',
    '../_base_/schedules/adamw_poly.py',
    '../_base_/runtime.py',
]
protocol = dict(
    cell='shapes_24/suponly/deeplabv3plus-r18n',
    benchmark='shapes_24',
    method='suponly',
    network='deeplabv3plus-r18n',
    crop=96,
    labelled_images=24,
    unlabelled_images=0,
    labelled_batch=8,
    unlabelled_batch=0,
    gpus=1,
    iterations=600,
    epochs=200.0,
    eval_mode='whole image',
    predict_on='ema',
    selection='last',
    cutmix_partner=None,
    unlabelled_pool=None,
    label_seed=None,
    setting='ours, tiny',
    primary=True,
)
network = _base_.network
network.decode_head.num_classes = 6
preprocessor = _base_.data_preprocessor
preprocessor.size = _base_.crop_size
preprocessor.size_divisor = None
network.data_preprocessor = preprocessor
model = network
train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='MultiSourceSampler', source_ratio=[8]),
    dataset=dict(
        type='SemiDataset',
        benchmark='shapes_24',
        labeled=_base_.labeled,
        streams=_base_.streams,
    ),
)
train_cfg = dict(max_iters=600, val_interval=100)
param_scheduler = dict(end=600)
default_hooks = dict(checkpoint=dict(interval=100))
auto_scale_lr = dict(enable=False, base_batch_size=8)
