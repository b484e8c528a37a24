# CorrMatch on Cityscapes: the threshold is 0 and stays there. So say the paper ("same as
# UniMatch") and the author (issue 12 of the reference code); the published config lacks the
# setting, and the published code would move the threshold up. Specification 5.
_base_ = './corrmatch.py'
model = dict(thresh_init=0.0, thresh_update=False)
