from .draw import Draw
from .multi_source_sampler import MultiSourceSampler

__all__ = ['Draw', 'MultiSourceSampler']
