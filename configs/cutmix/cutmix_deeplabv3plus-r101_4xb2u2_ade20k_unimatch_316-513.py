# Written by tools/make_configs.py from matrix.yml: edit that.
_base_ = [
    '../_base_/benchmarks/ade20k-513.py',
    '../_base_/networks/deeplabv3plus-r101.py',
    '../_base_/methods/cutmix.py',
    '../_base_/schedules/sgd_poly.py',
    '../_base_/runtime.py',
]
protocol = dict(
    cell='ade20k_unimatch_316/cutmix/deeplabv3plus-r101',
    benchmark='ade20k_unimatch_316',
    method='cutmix',
    network='deeplabv3plus-r101',
    crop=513,
    labelled_images=316,
    unlabelled_images=19894,
    labelled_batch=2,
    unlabelled_batch=2,
    gpus=4,
    iterations=99480,
    epochs=40.0,
    eval_mode='whole image',
    predict_on='teacher',
    selection='best on val',
    cutmix_partner='independent image',
    unlabelled_pool='all but the labelled',
    label_seed=None,
    setting="choice: CorrMatch's VOC network and schedule, 40 epochs",
    primary=True,
)
network = _base_.network
network.decode_head.num_classes = 150
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
    batch_size=6,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='MultiSourceSampler', source_ratio=[2, 2, 2], coupled_to=_base_.coupled_to),
    dataset=dict(
        type='SemiDataset',
        benchmark='ade20k_unimatch_316',
        labeled=_base_.labeled,
        unlabeled=_base_.unlabeled,
        streams=_base_.streams,
    ),
)
train_cfg = dict(max_iters=99480, val_interval=4974)
param_scheduler = dict(end=99482)
default_hooks = dict(checkpoint=dict(interval=4974))
auto_scale_lr = dict(enable=False, base_batch_size=24)
