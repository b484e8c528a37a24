# Written by tools/make_configs.py from matrix.yml: edit that.
_base_ = [
    './corrmatch_deeplabv3plus-r18n_1xb8u8_shapes_12-96.py',
    '../_base_/speed/batch_partner.py',
]
protocol = dict(
    primary=False,
    speed='batch_partner',
    cutmix_partner='next image of the batch',
)
model = _base_.batch_partner
train_dataloader = dict(
    batch_size=16,
    sampler=dict(source_ratio=[8, 8], coupled_to=_base_.coupled_to[:2]),
    dataset=dict(streams=_base_.streams[:2]),
)
auto_scale_lr = dict(base_batch_size=16)
