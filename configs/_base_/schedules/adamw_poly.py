# For small networks trained from scratch; ours, no paper's.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=5e-3, weight_decay=1e-4),
)
param_scheduler = dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False)
