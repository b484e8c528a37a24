# Written by tools/make_configs.py from matrix.yml: edit that.
_base_ = [
    '../_base_/benchmarks/camvid.py',
    '../_base_/networks/deeplabv3plus-r18n.py',
    '../_base_/methods/corrmatch.py',
    '../_base_/schedules/adamw_poly.py',
    '../_base_/runtime.py',
]
protocol = dict(
    cell='camvid_92/corrmatch/deeplabv3plus-r18n',
    benchmark='camvid_92',
    method='corrmatch',
    network='deeplabv3plus-r18n',
    crop=240,
    labelled_images=92,
    unlabelled_images=275,
    labelled_batch=4,
    unlabelled_batch=4,
    gpus=1,
    iterations=1000,
    epochs=14.5,
    eval_mode='whole image',
    predict_on='student',
    selection='last',
    cutmix_partner='same image',
    unlabelled_pool='all but the labelled',
    label_seed=None,
    setting='ours, tiny',
    primary=True,
)
network = _base_.network
network.decode_head.num_classes = 11
correlation = _base_.correlation
correlation.num_classes = 11
preprocessor = _base_.data_preprocessor
preprocessor.size = _base_.crop_size
preprocessor.size_divisor = None
model = dict(
    student=network,
    correlation=correlation,
    data_preprocessor=dict(
        type='MultiBranchDataPreprocessor',
        data_preprocessor=preprocessor,
    ),
)
train_dataloader = dict(
    batch_size=12,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='MultiSourceSampler', source_ratio=[4, 4, 4], coupled_to=_base_.coupled_to),
    dataset=dict(
        type='SemiDataset',
        benchmark='camvid_92',
        labeled=_base_.labeled,
        unlabeled=_base_.unlabeled,
        streams=_base_.streams,
    ),
)
train_cfg = dict(max_iters=1000, val_interval=250)
param_scheduler = dict(end=1000)
default_hooks = dict(checkpoint=dict(interval=250))
auto_scale_lr = dict(enable=False, base_batch_size=12)
