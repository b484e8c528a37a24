# Written by tools/make_configs.py from matrix.yml: edit that.
_base_ = [
    './corrmatch_deeplabv3plus-r18n_1xb8u8_shapes_12-96.py',
    '../_base_/speed/bf16.py',
]
protocol = dict(primary=False, speed='bf16')
optim_wrapper = _base_.bf16
