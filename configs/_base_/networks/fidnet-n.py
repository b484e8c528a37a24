# A narrow FIDNet, a fortieth of the operations of fidnet.py; two cores train it in minutes.
_base_ = './fidnet.py'
network = dict(
    backbone=dict(stem_channels=(16, 32, 64), channels=32, num_blocks=(1, 2, 2, 1)),
    decode_head=dict(in_channels=192, hidden_channels=(64, 32)),
)
