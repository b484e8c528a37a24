# CutMix on range images, variant R3 of specification (range view) 4.3, as IT2 has it: four strips
# from the next scan of the batch, hard labels without a threshold.
_base_ = './cutmix.py'
pack = [dict(type='PackValidInputs')]
views = dict(type='MultiBranch', branch_field=['sup', 'unsup_weak'])
streams = [
    dict(source='labeled', pipeline=[dict(**views, sup=pack)]),
    dict(source='unlabeled', pipeline=[dict(**views, unsup_weak=pack)]),
]
model = dict(
    consistency=dict(_delete_=True, type='HardLabelLoss', threshold=0.0),
    box=dict(_delete_=True, type='StripBox', partner='batch'),
)
