# Written by tools/make_configs.py from matrix.yml: edit that.
_base_ = [
    '../_base_/benchmarks/camvid.py',
    '../_base_/networks/deeplabv3plus-r18n.py',
    '../_base_/methods/suponly_ema.py',
    '../_base_/schedules/adamw_poly.py',
    '../_base_/runtime.py',
]
protocol = dict(
    cell='camvid_46/suponly/deeplabv3plus-r18n',
    benchmark='camvid_46',
    method='suponly',
    network='deeplabv3plus-r18n',
    crop=240,
    labelled_images=46,
    unlabelled_images=0,
    labelled_batch=4,
    unlabelled_batch=0,
    gpus=1,
    iterations=1000,
    epochs=87.0,
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
network.decode_head.num_classes = 11
preprocessor = _base_.data_preprocessor
preprocessor.size = _base_.crop_size
preprocessor.size_divisor = None
network.data_preprocessor = preprocessor
model = network
train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='MultiSourceSampler', source_ratio=[4]),
    dataset=dict(
        type='SemiDataset',
        benchmark='camvid_46',
        labeled=_base_.labeled,
        streams=_base_.streams,
    ),
)
train_cfg = dict(max_iters=1000, val_interval=250)
param_scheduler = dict(end=1000)
default_hooks = dict(checkpoint=dict(interval=250))
auto_scale_lr = dict(enable=False, base_batch_size=4)
