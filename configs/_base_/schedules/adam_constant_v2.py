# French et al. with DeepLab v2 (specification 2.1): Adam, constant rates, no weight decay; the
# backbone at a tenth of the head's rate. Because parameters were listed several times in their
# optimizer, each step updated the residual convolutions three times and the shortcuts four times;
# `repeat` does the same. Instead of what ran:
#   --cfg-options optim_wrapper.optimizer.repeat_as=rate   one update at 0.1, 0.3, 0.4 of the rate
#   --cfg-options optim_wrapper.optimizer.repeat_as=off    one update at 0.1, as the code intends
# The longest key that a parameter's name contains applies: layer3.0.conv1 takes `backbone`.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='RepeatAdam', lr=3e-5, repeat_as='updates'),
    paramwise_cfg=dict(
        custom_keys={
            'backbone': dict(lr_mult=0.1, repeat=3),
            'backbone.conv1': dict(lr_mult=0.1, repeat=1),
            'downsample': dict(lr_mult=0.1, repeat=4),
        }
    ),
)
