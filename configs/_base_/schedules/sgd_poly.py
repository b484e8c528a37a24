# CorrMatch's (specification 2.7): weight decay on all parameters, whatever is not the backbone at
# ten times its rate, polynomial decay one step late.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.001, momentum=0.9, weight_decay=1e-4),
    paramwise_cfg=dict(
        custom_keys=dict(
            decode_head=dict(lr_mult=10),
            auxiliary_head=dict(lr_mult=10),
            correlation=dict(lr_mult=10),
        )
    ),
)
# Steps 0 and 1 both have the base rate, step n has (1 - (n - 1) / max_iters) ** 0.9 of it: PolyLR
# reaches 0 at `end` - 1, so that the leaf must set `end` to max_iters + 2.
param_scheduler = dict(type='PolyLR', power=0.9, eta_min=0.0, begin=1, by_epoch=False)
