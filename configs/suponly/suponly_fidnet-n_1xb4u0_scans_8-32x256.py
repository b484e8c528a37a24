# Written by tools/make_configs.py from matrix.yml: edit that.
_base_ = [
    '../_base_/benchmarks/scans.py',
    '../_base_/networks/fidnet-n.py',
    '../_base_/methods/suponly.py',
    '../_base_/schedules/adamw_poly.py',
    '../_base_/runtime.py',
]
protocol = dict(
    cell='scans_8/suponly/fidnet-n',
    benchmark='scans_8',
    method='suponly',
    network='fidnet-n',
    crop=[32, 256],
    labelled_images=8,
    unlabelled_images=0,
    labelled_batch=4,
    unlabelled_batch=0,
    gpus=1,
    iterations=400,
    epochs=200.0,
    eval_mode='whole image',
    predict_on='student',
    selection='last',
    cutmix_partner=None,
    unlabelled_pool=None,
    label_seed=None,
    setting='ours, tiny',
    primary=True,
)
network = _base_.network
network.decode_head.num_classes = 9
preprocessor = _base_.data_preprocessor
preprocessor.size = _base_.crop_size
preprocessor.size_divisor = None
preprocessor.mean = None
preprocessor.std = None
network.data_preprocessor = preprocessor
model = network
train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='MultiSourceSampler', source_ratio=[4]),
    dataset=dict(
        type='SemiDataset',
        benchmark='scans_8',
        labeled=_base_.labeled,
        streams=_base_.streams,
    ),
)
train_cfg = dict(max_iters=400, val_interval=100)
param_scheduler = dict(end=400)
default_hooks = dict(checkpoint=dict(interval=100))
auto_scale_lr = dict(enable=False, base_batch_size=4)
