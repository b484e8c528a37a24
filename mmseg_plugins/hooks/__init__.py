from .corrmatch_hook import CorrMatchHook
from .cutmix_hook import CutMixHook
from .finite_loss_hook import FiniteLossHook
from .mean_teacher_hook import MeanTeacherHook
from .range_visualization_hook import RangeVisualizationHook
from .run_record_hook import RunRecordHook

__all__ = [
    'CorrMatchHook',
    'CutMixHook',
    'FiniteLossHook',
    'MeanTeacherHook',
    'RangeVisualizationHook',
    'RunRecordHook',
]
