# CutMix mean teacher (French et al., BMVC 2020): three independent streams.
pack = [dict(type='PackValidInputs')]
views = dict(
    type='MultiBranch',
    branch_field=['sup', 'unsup_weak', 'unsup_weak_mix'],
)
streams = [
    dict(source='labeled', pipeline=[dict(**views, sup=pack)]),
    dict(source='unlabeled', pipeline=[dict(**views, unsup_weak=pack)]),
    dict(source='unlabeled', pipeline=[dict(**views, unsup_weak_mix=pack)]),
]
coupled_to = None
model = dict(
    type='CutMix',
    predict_on='teacher',
    consistency=dict(type='ConsistencyLoss', kind='var', threshold=0.97),
    box=dict(type='FrenchBox', area=(0.5, 0.5)),
)
custom_hooks = [dict(type='MeanTeacherHook', momentum=0.01), dict(type='CutMixHook')]
