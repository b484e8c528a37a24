from .repeat_adam import RepeatAdam

__all__ = ['RepeatAdam']
