from .checkpointing_hook import CheckpointingHook
from .compile_hook import CompileHook
from .corrmatch_hook import CorrMatchHook
from .cutmix_hook import CutMixHook
from .finite_loss_hook import FiniteLossHook
from .iteration_seed_hook import IterationSeedHook
from .mean_teacher_hook import MeanTeacherHook
from .resume_hook import ResumeHook
from .run_record_hook import RunRecordHook
from .safe_checkpoint_hook import SafeCheckpointHook

__all__ = [
    'CheckpointingHook',
    'CompileHook',
    'CorrMatchHook',
    'CutMixHook',
    'FiniteLossHook',
    'IterationSeedHook',
    'MeanTeacherHook',
    'ResumeHook',
    'RunRecordHook',
    'SafeCheckpointHook',
]
