# CutMix on range images, variant R2 of specification (range view) 4.3, as LaserMix's framework has
# it: a labelled and an unlabelled scan, both mixtures, hard labels from a confidence of 0.9 (cross
# entropy and Lovász softmax), and student against teacher on the unmixed scans. LaserMix's weight
# of that term, 250 with the mean over classes, is 12.5 with the sum over 20.
_base_ = './cutmix.py'
pack = [dict(type='PackValidInputs')]
views = dict(type='MultiBranch', branch_field=['sup', 'unsup_weak'])
streams = [
    dict(source='labeled', pipeline=[dict(**views, sup=pack)]),
    dict(source='unlabeled', pipeline=[dict(**views, unsup_weak=pack)]),
]
model = dict(
    consistency=dict(_delete_=True, type='HardLabelLoss', threshold=0.9, lovasz_weight=3.0),
    box=dict(partner='labelled'),
    complement=True,
    clean=dict(type='ConsistencyLoss', kind='var', threshold=0.0, divisor='valid'),
    clean_weight=12.5,
)
