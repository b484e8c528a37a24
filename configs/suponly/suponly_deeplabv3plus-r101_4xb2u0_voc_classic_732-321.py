# Written by tools/make_configs.py from matrix.yml: edit that.
_base_ = [
    '../_base_/benchmarks/voc12-321.py',
    '../_base_/networks/deeplabv3plus-r101.py',
    '../_base_/methods/suponly_ema.py',
    '../_base_/schedules/sgd_poly.py',
    '../_base_/runtime.py',
]
protocol = dict(
    cell='voc_classic_732/suponly/deeplabv3plus-r101',
    benchmark='voc_classic_732',
    method='suponly',
    network='deeplabv3plus-r101',
    crop=321,
    labelled_images=732,
    unlabelled_images=0,
    labelled_batch=2,
    unlabelled_batch=0,
    gpus=4,
    iterations=98480,
    epochs=1076.3,
    eval_mode='whole image',
    predict_on='ema',
    selection='best on val',
    cutmix_partner=None,
    unlabelled_pool=None,
    label_seed=None,
    setting="choice: CorrMatch's network, crop and schedule",
    primary=True,
)
network = _base_.network
network.decode_head.num_classes = 21
preprocessor = _base_.data_preprocessor
preprocessor.size = _base_.crop_size
preprocessor.size_divisor = None
network.data_preprocessor = preprocessor
model = network
train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='MultiSourceSampler', source_ratio=[2]),
    dataset=dict(
        type='SemiDataset',
        benchmark='voc_classic_732',
        labeled=_base_.labeled,
        streams=_base_.streams,
    ),
)
train_cfg = dict(max_iters=98480, val_interval=1231)
param_scheduler = dict(end=98482)
default_hooks = dict(checkpoint=dict(interval=1231))
auto_scale_lr = dict(enable=False, base_batch_size=8)
