# French et al. with DeepLab v3+ (specification 2.1): Adam, one constant rate, no weight decay; the
# backbone too trains at the full rate.
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-5))
