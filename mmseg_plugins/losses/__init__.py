from .batch_ohem_loss import BatchOHEMLoss
from .class_dice_loss import ClassDiceLoss
from .consistency_loss import ConsistencyLoss
from .global_criteria import global_criteria
from .hard_label_loss import HardLabelLoss
from .labelled_cross_entropy_loss import LabelledCrossEntropyLoss
from .masked_loss import masked_cross_entropy, masked_kl_divergence, masked_nll
from .masked_lovasz_loss import MaskedLovaszLoss, lovasz_softmax
from .quiet_losses import quiet_losses

__all__ = [
    'BatchOHEMLoss',
    'ClassDiceLoss',
    'ConsistencyLoss',
    'HardLabelLoss',
    'LabelledCrossEntropyLoss',
    'MaskedLovaszLoss',
    'global_criteria',
    'lovasz_softmax',
    'masked_cross_entropy',
    'masked_kl_divergence',
    'masked_nll',
    'quiet_losses',
]
