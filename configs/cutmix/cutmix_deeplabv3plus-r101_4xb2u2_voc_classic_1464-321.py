# Written by tools/make_configs.py from matrix.yml: edit that.
_base_ = [
    '../_base_/benchmarks/voc12-321.py',
    '../_base_/networks/deeplabv3plus-r101.py',
    '../_base_/methods/cutmix.py',
    '../_base_/schedules/sgd_poly.py',
    '../_base_/runtime.py',
]
protocol = dict(
    cell='voc_classic_1464/cutmix/deeplabv3plus-r101',
    benchmark='voc_classic_1464',
    method='cutmix',
    network='deeplabv3plus-r101',
    crop=321,
    labelled_images=1464,
    unlabelled_images=9118,
    labelled_batch=2,
    unlabelled_batch=2,
    gpus=4,
    iterations=91200,
    epochs=80.0,
    eval_mode='whole image',
    predict_on='teacher',
    selection='best on val',
    cutmix_partner='independent image',
    unlabelled_pool='all but the labelled',
    label_seed=None,
    setting="choice: CorrMatch's network, crop and schedule",
    primary=True,
)
network = _base_.network
network.decode_head.num_classes = 21
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
        benchmark='voc_classic_1464',
        labeled=_base_.labeled,
        unlabeled=_base_.unlabeled,
        streams=_base_.streams,
    ),
)
train_cfg = dict(max_iters=91200, val_interval=1140)
param_scheduler = dict(end=91202)
default_hooks = dict(checkpoint=dict(interval=1140))
auto_scale_lr = dict(enable=False, base_batch_size=24)
