# Written by tools/make_configs.py from matrix.yml: edit that.
_base_ = [
    './corrmatch_deeplabv3plus-r18n_1xb8u8_shapes_12-96.py',
    '../_base_/speed/channels_last.py',
]
protocol = dict(primary=False, speed='channels_last')
default_hooks = _base_.channels_last
