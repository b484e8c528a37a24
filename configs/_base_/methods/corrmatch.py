# CorrMatch (Sun et al., CVPR 2024): the CutMix partner is another view of the same image.
pack = [dict(type='PackSegInputs')]
strong = [dict(type='StrongAugment'), *pack]
views = dict(
    type='MultiBranch',
    branch_field=['sup', 'unsup_weak', 'unsup_strong', 'unsup_weak_mix', 'unsup_strong_mix'],
)
streams = [
    dict(source='labeled', pipeline=[dict(**views, sup=pack)]),
    dict(source='unlabeled', pipeline=[dict(**views, unsup_weak=pack, unsup_strong=strong)]),
    dict(
        source='unlabeled', pipeline=[dict(**views, unsup_weak_mix=pack, unsup_strong_mix=strong)]
    ),
]
# labelled images keep their partners; the third stream repeats the second
coupled_to = [1, None, 1]
model = dict(
    type='CorrMatch',
    predict_on='student',
    box=dict(type='UniMatchBox', prob=0.5),
    thresh_init=0.85,
)
custom_hooks = [dict(type='CorrMatchHook')]
