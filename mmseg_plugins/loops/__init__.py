from .accumulating_train_loop import AccumulatingTrainLoop
from .step_batch import step_batch

__all__ = ['AccumulatingTrainLoop', 'step_batch']
