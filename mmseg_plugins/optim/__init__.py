from .bfloat16_optim_wrapper import BFloat16OptimWrapper
from .repeat_adam import RepeatAdam

__all__ = ['BFloat16OptimWrapper', 'RepeatAdam']
