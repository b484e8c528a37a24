# Written by tools/make_configs.py from matrix.yml: edit that.
_base_ = [
    '../_base_/benchmarks/voc12-french-321.py',
    '../_base_/networks/deeplabv2-r101.py',
    '../_base_/methods/cutmix_colour.py',
    '../_base_/schedules/adam_constant_v2.py',
    '../_base_/runtime.py',
]
protocol = dict(
    cell='voc_french_10582/cutmix-colour/deeplabv2-r101',
    benchmark='voc_french_10582',
    method='cutmix-colour',
    network='deeplabv2-r101',
    crop=321,
    labelled_images=10582,
    unlabelled_images=10582,
    labelled_batch=10,
    unlabelled_batch=10,
    gpus=1,
    iterations=40000,
    epochs=37.8,
    eval_mode='whole image',
    predict_on='teacher',
    selection='last',
    cutmix_partner='independent image',
    unlabelled_pool='all',
    label_seed=None,
    setting="the reference's",
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
    batch_size=30,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(
        type='MultiSourceSampler', source_ratio=[10, 10, 10], coupled_to=_base_.coupled_to
    ),
    dataset=dict(
        type='SemiDataset',
        benchmark='voc_french_10582',
        labeled=_base_.labeled,
        unlabeled=_base_.unlabeled,
        streams=_base_.streams,
        allow_overlap=True,
    ),
)
train_cfg = dict(max_iters=40000, val_interval=1000)
default_hooks = dict(checkpoint=dict(interval=1000))
auto_scale_lr = dict(enable=False, base_batch_size=30)
