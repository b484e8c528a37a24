# voc12-321.py with the geometry of French et al. (BMVC 2020): a window of a random scale, resized
# to the crop, with a soft valid map where it reaches beyond the image.
_base_ = './voc12-321.py'
crop_size = (321, 321)
load = dict(type='LoadImageFromFile')
geometry = [
    dict(type='RandomScaleWindow', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
]
labeled = dict(pipeline=[load, dict(type='LoadIndexMask'), *geometry])
unlabeled = dict(pipeline=[load, dict(type='LoadValidMask'), *geometry])
