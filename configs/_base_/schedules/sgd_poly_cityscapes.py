# sgd_poly.py with the rates of CorrMatch on Cityscapes: 0.005 for all parameters.
_base_ = './sgd_poly.py'
optim_wrapper = dict(optimizer=dict(lr=0.005), paramwise_cfg=dict(_delete_=True))
