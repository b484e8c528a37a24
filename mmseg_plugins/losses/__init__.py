from .batch_ohem_loss import BatchOHEMLoss
from .consistency_loss import ConsistencyLoss
from .global_criteria import global_criteria
from .labelled_cross_entropy_loss import LabelledCrossEntropyLoss
from .masked_loss import masked_cross_entropy, masked_kl_divergence, masked_nll
from .quiet_losses import quiet_losses

__all__ = [
    'BatchOHEMLoss',
    'ConsistencyLoss',
    'LabelledCrossEntropyLoss',
    'global_criteria',
    'masked_cross_entropy',
    'masked_kl_divergence',
    'masked_nll',
    'quiet_losses',
]
