# `pip install wandb`, `wandb login`. The project is one that you name:
# --cfg-options visualizer.vis_backends.1.init_kwargs.project=NAME
_base_ = './local.py'
visualizer = dict(
    vis_backends=[
        dict(type='LocalVisBackend'),
        dict(type='WandbVisBackend', init_kwargs=dict(project='mmseg-plugins')),
    ]
)
