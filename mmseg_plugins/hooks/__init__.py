from .channels_last_hook import ChannelsLastHook
from .checkpointing_hook import CheckpointingHook
from .compile_hook import CompileHook
from .corrmatch_hook import CorrMatchHook
from .cutmix_hook import CutMixHook
from .finite_loss_hook import FiniteLossHook
from .iteration_seed_hook import IterationSeedHook
from .mean_teacher_hook import MeanTeacherHook
from .num_class_check_hook import NumClassCheckHook
from .range_visualization_hook import RangeVisualizationHook
from .resume_hook import ResumeHook
from .run_record_hook import RunRecordHook
from .safe_checkpoint_hook import SafeCheckpointHook

__all__ = [
    'ChannelsLastHook',
    'CheckpointingHook',
    'CompileHook',
    'CorrMatchHook',
    'CutMixHook',
    'FiniteLossHook',
    'IterationSeedHook',
    'MeanTeacherHook',
    'NumClassCheckHook',
    'RangeVisualizationHook',
    'ResumeHook',
    'RunRecordHook',
    'SafeCheckpointHook',
]
