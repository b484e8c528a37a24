# Written by tools/make_configs.py from matrix.yml: edit that.
_base_ = [
    '../_base_/benchmarks/cityscapes-half-256x512.py',
    '../_base_/networks/deeplabv2-r101.py',
    '../_base_/methods/cutmix_colour.py',
    '../_base_/schedules/adam_constant_v2.py',
    '../_base_/runtime.py',
]
protocol = dict(
    cell='cityscapes_french_744/cutmix-colour/deeplabv2-r101',
    benchmark='cityscapes_french_744',
    method='cutmix-colour',
    network='deeplabv2-r101',
    crop=[256, 512],
    labelled_images=744,
    unlabelled_images=2975,
    labelled_batch=4,
    unlabelled_batch=4,
    gpus=1,
    iterations=40000,
    epochs=53.8,
    eval_mode='whole image at half resolution',
    predict_on='teacher',
    selection='last',
    cutmix_partner='independent image',
    unlabelled_pool='all',
    label_seed=12345,
    setting="the reference's",
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
    batch_size=12,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='MultiSourceSampler', source_ratio=[4, 4, 4], coupled_to=_base_.coupled_to),
    dataset=dict(
        type='SemiDataset',
        benchmark='cityscapes_french_744',
        labeled=_base_.labeled,
        unlabeled=_base_.unlabeled,
        streams=_base_.streams,
        label_seed=12345,
        allow_overlap=True,
    ),
)
train_cfg = dict(max_iters=40000, val_interval=1000)
default_hooks = dict(checkpoint=dict(interval=1000))
auto_scale_lr = dict(enable=False, base_batch_size=12)
