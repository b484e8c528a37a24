# CutOut with strong colour (arXiv 2110.04487): the student's unlabelled images alone are jittered.
_base_ = './cutout.py'
pack = [dict(type='PackValidInputs')]
strong = [
    dict(
        type='StrongAugment',
        brightness=0.4,
        contrast=0.4,
        saturation=0.4,
        hue=0.1,
        jitter_prob=0.8,
        gray_prob=0.2,
        blur_prob=0.0,
    ),
    *pack,
]
views = dict(type='MultiBranch', branch_field=['sup', 'unsup_weak', 'unsup_strong'])
streams = [
    dict(source='labeled', pipeline=[dict(**views, sup=pack)]),
    dict(source='unlabeled', pipeline=[dict(**views, unsup_weak=pack, unsup_strong=strong)]),
]
