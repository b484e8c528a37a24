# CutMix mean teacher on range images, variant R1 of specification (range view) 4.3: cutmix.py with
# all channels mixed and the mean taken over the occupied pixels of the mixture. Nobody published
# the method's settings on range images; these are those of French et al. The weight that the
# specification would also try: --cfg-options model.unsup_weight=10
_base_ = './cutmix.py'
model = dict(consistency=dict(divisor='valid'))
