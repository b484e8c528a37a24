# TensorBoard, W&B or MLflow beside the files of a run: MMSEG_TRACKER=tensorboard, wandb or mlflow.
_base_ = ['./trackers/known.py', './trackers/{{$MMSEG_TRACKER:local}}.py']
default_scope = 'mmseg'
custom_imports = dict(imports=['mmseg_plugins'], allow_failed_imports=False)
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
# two training forwards come before one backward: buffers must not be broadcast between them
model_wrapper_cfg = dict(type='MMDistributedDataParallel', broadcast_buffers=False)
data_preprocessor = dict(
    type='SegDataPreProcessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    size_divisor=1,
    pad_val=0,
    seg_pad_val=255,
)
train_cfg = dict(type='AccumulatingTrainLoop')
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='SafeCheckpointHook',
        by_epoch=False,
        save_best='mIoU',
        rule='greater',
        max_keep_ckpts=1,
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    iteration_seed=dict(type='IterationSeedHook'),
    finite_loss=dict(type='FiniteLossHook'),
    num_class_check=dict(type='NumClassCheckHook'),
    resume=dict(type='ResumeHook'),
    run_record=dict(type='RunRecordHook'),
)
log_processor = dict(by_epoch=False)
log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=0)
