# CutOut mean teacher (French et al., BMVC 2020): the student sees the inside of a box alone; two
# independent streams.
_base_ = './cutmix.py'
pack = [dict(type='PackValidInputs')]
views = dict(type='MultiBranch', branch_field=['sup', 'unsup_weak'])
streams = [
    dict(source='labeled', pipeline=[dict(**views, sup=pack)]),
    dict(source='unlabeled', pipeline=[dict(**views, unsup_weak=pack)]),
]
model = dict(box=dict(area=(0.0, 1.0), partner='none'))
