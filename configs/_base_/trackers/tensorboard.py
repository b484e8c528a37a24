# `pip install tensorboard`; event files lie beside scalars.json: `tensorboard --logdir work_dirs`.
_base_ = './local.py'
visualizer = dict(vis_backends=[dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')])
