# For range images: the choice of specification (range view) 3.3, after the released supervised
# script (which also cycles the momentum). Mixed precision needs a GPU; without one:
#   --cfg-options optim_wrapper.type=OptimWrapper
optim_wrapper = dict(
    type='AmpOptimWrapper',
    optimizer=dict(type='AdamW', lr=2.5e-3, weight_decay=0.01, eps=1e-6),
    clip_grad=dict(max_norm=10, norm_type=2),
)
# the whole cycle is the leaf's `end`; the optimizer's own rate does not matter
param_scheduler = dict(
    type='OneCycleLR',
    eta_max=2.5e-3,
    pct_start=0.2,
    div_factor=25.0,
    final_div_factor=100.0,
    by_epoch=False,
)
