# Written by tools/make_configs.py from matrix.yml: edit that.
_base_ = [
    '../_base_/benchmarks/semantickitti-64x2048.py',
    '../_base_/networks/fidnet.py',
    '../_base_/methods/suponly_ema.py',
    '../_base_/schedules/adamw_onecycle.py',
    '../_base_/runtime.py',
]
protocol = dict(
    cell='semantickitti_20pct/suponly/fidnet',
    benchmark='semantickitti_20pct',
    method='suponly',
    network='fidnet',
    crop=[64, 2048],
    labelled_images=3826,
    unlabelled_images=0,
    labelled_batch=8,
    unlabelled_batch=0,
    gpus=1,
    iterations=25000,
    epochs=52.3,
    eval_mode='pixels of the range image',
    predict_on='ema',
    selection='best on val',
    cutmix_partner=None,
    unlabelled_pool=None,
    label_seed=None,
    setting='choice: no source states the range-view settings of this row',
    primary=True,
)
network = _base_.network
network.decode_head.num_classes = 19
preprocessor = _base_.data_preprocessor
preprocessor.size = _base_.crop_size
preprocessor.size_divisor = None
preprocessor.mean = None
preprocessor.std = None
network.data_preprocessor = preprocessor
model = network
train_dataloader = dict(
    batch_size=8,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='MultiSourceSampler', source_ratio=[8]),
    dataset=dict(
        type='SemiDataset',
        benchmark='semantickitti_20pct',
        labeled=_base_.labeled,
        streams=_base_.streams,
    ),
)
train_cfg = dict(max_iters=25000, val_interval=2500)
param_scheduler = dict(end=25000)
default_hooks = dict(checkpoint=dict(interval=2500))
auto_scale_lr = dict(enable=False, base_batch_size=8)
