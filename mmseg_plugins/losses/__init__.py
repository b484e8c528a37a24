from .batch_ohem_loss import BatchOHEMLoss
from .class_dice_loss import ClassDiceLoss
from .consistency_loss import ConsistencyLoss
from .hard_label_loss import HardLabelLoss
from .masked_loss import masked_cross_entropy, masked_kl_divergence
from .masked_lovasz_loss import MaskedLovaszLoss, lovasz_softmax

__all__ = [
    'BatchOHEMLoss',
    'ClassDiceLoss',
    'ConsistencyLoss',
    'HardLabelLoss',
    'MaskedLovaszLoss',
    'lovasz_softmax',
    'masked_cross_entropy',
    'masked_kl_divergence',
]
