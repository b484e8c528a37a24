# Written by tools/make_configs.py from matrix.yml: edit that.
_base_ = [
    '../_base_/benchmarks/cityscapes-801.py',
    '../_base_/networks/deeplabv3plus-r101-cityscapes.py',
    '../_base_/methods/cutmix.py',
    '../_base_/schedules/sgd_poly_cityscapes.py',
    '../_base_/runtime.py',
]
protocol = dict(
    cell='cityscapes_u2pl_1488/cutmix/deeplabv3plus-r101',
    benchmark='cityscapes_u2pl_1488',
    method='cutmix',
    network='deeplabv3plus-r101',
    crop=801,
    labelled_images=1488,
    unlabelled_images=1487,
    labelled_batch=2,
    unlabelled_batch=2,
    gpus=4,
    iterations=44640,
    epochs=240.2,
    eval_mode='sliding window, summed softmax',
    predict_on='teacher',
    selection='best on val',
    cutmix_partner='independent image',
    unlabelled_pool='all but the labelled',
    label_seed=None,
    setting="choice: CorrMatch's network, crop and schedule",
    primary=True,
)
network = _base_.network
network.decode_head.num_classes = 19
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
        benchmark='cityscapes_u2pl_1488',
        labeled=_base_.labeled,
        unlabeled=_base_.unlabeled,
        streams=_base_.streams,
    ),
)
train_cfg = dict(max_iters=44640, val_interval=1860)
param_scheduler = dict(end=44642)
default_hooks = dict(checkpoint=dict(interval=1860))
auto_scale_lr = dict(enable=False, base_batch_size=24)
