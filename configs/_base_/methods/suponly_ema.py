# Labelled images alone; the average of the weights is evaluated, as beside a mean teacher.
_base_ = './suponly.py'
custom_hooks = [
    dict(
        type='EMAHook',
        ema_type='ExponentialMovingAverage',
        momentum=0.01,
        update_buffers=True,
    ),
]
