# Written by tools/make_configs.py from matrix.yml: edit that.
_base_ = [
    './corrmatch_deeplabv3plus-r18n_1xb8u8_shapes_12-96.py',
    '../_base_/speed/accumulate.py',
]
protocol = dict(primary=False, speed='accumulate')
train_cfg = _base_.accumulate
train_dataloader = dict(
    batch_size=12,
    sampler=dict(source_ratio=[4, 4, 4]),
)
auto_scale_lr = dict(base_batch_size=12)
