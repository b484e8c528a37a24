# deeplabv3plus-r101.py as CorrMatch has it on Cityscapes: OHEM over the batch, and evaluation over
# windows that are clipped at the border, whose softmax is summed.
_base_ = './deeplabv3plus-r101.py'
network = dict(
    type='ClippedSlideEncoderDecoder',
    decode_head=dict(
        loss_decode=dict(_delete_=True, type='BatchOHEMLoss', thresh=0.7, min_kept=100000)
    ),
    test_cfg=dict(mode='slide', crop_size=(801, 801), stride=(534, 534)),
)
