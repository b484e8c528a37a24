from .batch_ohem_loss import BatchOHEMLoss
from .consistency_loss import ConsistencyLoss
from .masked_loss import masked_cross_entropy, masked_kl_divergence

__all__ = ['BatchOHEMLoss', 'ConsistencyLoss', 'masked_cross_entropy', 'masked_kl_divergence']
