# Written by tools/make_configs.py from matrix.yml: edit that.
_base_ = [
    './corrmatch_deeplabv3plus-r18n_1xb8u8_shapes_12-96.py',
    '../_base_/speed/checkpointing.py',
]
protocol = dict(primary=False, speed='checkpointing')
default_hooks = _base_.checkpointing
