"""Trainings and validations that must give the same number however they are spread."""

from pathlib import Path

import numpy as np
import torch
from french import V2, cutmix, narrow
from golden_losses import batch, fill
from mmengine.config import ConfigDict
from mmengine.dist import is_distributed
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS, MODELS, TASK_UTILS
from students import BN, CE, RESNET, VIEWS, corrmatch, encoder_decoder
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader

from mmseg_plugins.box_policies.base_box import BaseBox

CLASSES, STEPS, BATCH = 4, 5, 4
HEAD = dict(
    type='DeepLabV3PlusHead',
    in_channels=(4, 32),
    channels=8,
    c1_channels=4,
    dilations=(1, 2, 3),
    num_classes=CLASSES,
    norm_cfg=BN,
    loss_decode=CE,
)
OHEM = dict(type='BatchOHEMLoss', thresh=0.3, min_kept=2000)
DDP = dict(type='MMDistributedDataParallel', broadcast_buffers=False, device_ids=None)


@TASK_UTILS.register_module(force=True)
class TableBox(BaseBox):
    """Boxes that belong to the images of a whole batch, of which a part asks for its own."""

    step, first = 0, 0

    def draw(self, num, size, rng):
        boxes = np.random.RandomState(self.step).randint(0, size[0] // 2, (BATCH, 4))
        boxes[:, 2:] += boxes[:, :2]
        return boxes[self.first : self.first + num]


@HOOKS.register_module(force=True)
class SameDraws(Hook):
    """Frozen batch norm; boxes and sampled maps that depend on the step alone."""

    priority = 'VERY_HIGH'

    def __init__(self, accumulate, parts, part, frozen):
        self.accumulate, self.frozen = accumulate, frozen
        self.parts, self.part = parts, part

    def before_train(self, runner):
        model = runner.model.module if is_distributed() else runner.model
        if getattr(
            model, 'teacher', None
        ):  # weights whose confidence passes the gate, but not everywhere
            fill(model)
        runner.model.register_forward_pre_hook(self._before_forward)
        self.forwards = 0

    def _before_forward(self, model, *args):
        step, batch = divmod(self.forwards, self.accumulate)
        self.forwards += 1
        torch.manual_seed(step)
        piece = batch * self.parts + self.part
        TableBox.step = step
        TableBox.first = piece * BATCH // (self.parts * self.accumulate)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        for module in runner.model.modules():
            if isinstance(module, _BatchNorm) and self.frozen:
                module.eval()


def model(method, loss=None, **options):
    """A small float64 model without dropout."""
    if method == 'suponly':
        cfg = encoder_decoder(RESNET, {**HEAD, 'dropout_ratio': 0, 'loss_decode': loss or CE})
    elif method == 'cutmix':
        cfg = cutmix(narrow(V2))
        cfg.box = dict(type='TableBox')
        cfg.consistency.update(options.pop('consistency', {}))
    else:
        head = {**HEAD, 'loss_decode': loss or CE}
        cfg = corrmatch(encoder_decoder(RESNET, head), 32, CLASSES, perturb_ratio=0)
        cfg.correlation.update(num_maps=64, dropout_ratio=0)
        cfg.update(thresh_init=0.5, thresh_momentum=0.01, box=dict(type='TableBox'))
    cfg.update(options)
    return fill(MODELS.build(cfg))


def train(
    folder,
    method,
    ignored=False,
    parts=1,
    part=0,
    accumulate=1,
    steps=STEPS,
    frozen=True,
    **options,
):
    """Train on a half of each batch, or on the whole in one or more parts, with real hooks.

    Args:
        folder (Path): A work dir.
        method (str): ``suponly``, ``cutmix`` or ``corrmatch``.
        ignored (bool): Whether some pixels are ignored, unevenly. Defaults to False.
        parts (int): Ranks. Defaults to 1.
        part (int): This rank. Defaults to 0.
        accumulate (int): Parts of a step that follow each other. Defaults to 1.
        steps (int): Optimizer steps. Defaults to 5.
        frozen (bool): Whether batch norm is in eval mode. Defaults to True.
        **options: Of the model.

    Returns:
        dict[str, Tensor]: All that was learnt, the averages and the learning rate among it.
    """
    views = dict(suponly=('sup',), cutmix=('sup', 'unsup_weak', 'unsup_weak_mix'), corrmatch=VIEWS)[
        method
    ]
    pieces = parts * accumulate
    batches = []
    for step in range(steps):
        inputs, samples = batch(views, step, num=BATCH, size=67, num_classes=CLASSES)
        if not ignored:
            for sample in sum(samples.values(), []):
                sample.gt_sem_seg.data[sample.gt_sem_seg.data == 255] = 0
        for piece in range(part, pieces, parts):
            cut = slice(piece * BATCH // pieces, (piece + 1) * BATCH // pieces)
            x = {view: inputs[view][cut] for view in views}
            y = {view: samples[view][cut] for view in views}
            if method == 'suponly':
                x, y = x['sup'], y['sup']
            batches.append(dict(inputs=x, data_samples=y))
    hooks = dict(
        suponly=[
            dict(
                type='EMAHook',
                ema_type='ExponentialMovingAverage',
                momentum=0.01,
                update_buffers=True,
            )
        ],
        cutmix=[
            dict(type='MeanTeacherHook', momentum=0.1),
            dict(type='CutMixHook', ramp_up=3, epoch_length=1),
        ],
        corrmatch=[dict(type='CorrMatchHook')],
    )[method]
    draws = dict(type='SameDraws', accumulate=accumulate, parts=parts, part=part, frozen=frozen)
    runner = Runner(
        model=model(method, **options),
        work_dir=str(folder),
        train_dataloader=DataLoader(batches, batch_size=None, collate_fn=_as_it_is),
        train_cfg=dict(type='AccumulatingTrainLoop', max_iters=steps, accumulate=accumulate),
        optim_wrapper=dict(
            type='OptimWrapper',
            # DeepLab v2 has no batch norm that keeps random weights in check
            optimizer=dict(
                type='SGD', lr=1e-4 if method == 'cutmix' else 0.02, momentum=0.9, weight_decay=1e-4
            ),
        ),
        param_scheduler=dict(type='PolyLR', power=0.9, end=steps + 1, by_epoch=False),
        default_hooks=dict(logger=None, checkpoint=None, timer=None, sampler_seed=None),
        custom_hooks=[*hooks, draws],
        launcher='pytorch' if is_distributed() else 'none',
        cfg=dict(model_wrapper_cfg=DDP),
        randomness=dict(seed=0),
        experiment_name=f'{folder.name}',
        log_level='ERROR',
        default_scope='mmseg',
    )
    runner.train()
    trained = runner.model.module if is_distributed() else runner.model
    state = {key: value.clone() for key, value in trained.state_dict().items()}
    for hook in runner.hooks:
        if hasattr(hook, 'ema_model'):
            state.update({f'ema.{k}': v for k, v in hook.ema_model.state_dict().items()})
    state['lr'] = torch.tensor(runner.optim_wrapper.get_lr()['lr'], dtype=torch.float64)
    return state


def _as_it_is(item):
    return item


def apart(ours: dict, theirs: dict) -> float:
    """The largest relative difference of two states (of values below 1: absolute)."""
    assert set(ours) == set(theirs)
    # a training that diverged would compare as anything
    assert all(value.isfinite().all() for value in [*ours.values(), *theirs.values()])
    return max(
        ((ours[key] - theirs[key]).abs() / theirs[key].abs().clamp(min=1)).max().item()
        for key in ours
        if ours[key].is_floating_point()
    )


def score(data: Path, folder: Path, batch_size: int) -> dict:
    """Metrics of a fixed network on the validation set of ``tiny_data``."""
    head = {**HEAD, 'num_classes': 6}
    pipeline = ['LoadImageFromFile', 'LoadIndexMask', 'PackSegInputs']
    cfg = ConfigDict(encoder_decoder(RESNET, head))
    cfg['data_preprocessor'] = dict(
        type='SegDataPreProcessor', mean=[127.0] * 3, std=[60.0] * 3, test_cfg=dict(size_divisor=1)
    )
    runner = Runner(
        model=fill(MODELS.build(cfg)).float(),
        work_dir=str(folder),
        val_dataloader=dict(
            batch_size=batch_size,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dict(
                type='ShapesDataset',
                data_root=str(data),
                data_prefix=dict(
                    img_path='shapes/JPEGImages', seg_map_path='shapes/SegmentationClass'
                ),
                ann_file='shapes/ImageSets/Segmentation/val.txt',
                test_mode=True,
                pipeline=[dict(type=name) for name in pipeline],
            ),
        ),
        val_cfg=dict(type='ValLoop'),
        val_evaluator=dict(
            type='ClassIoUMetric', iou_metrics=['mIoU'], collect_dir=str(folder.parent / 'parts')
        ),
        default_hooks=dict(logger=None, checkpoint=None, timer=None, sampler_seed=None),
        launcher='pytorch' if is_distributed() else 'none',
        cfg=dict(model_wrapper_cfg=DDP),
        randomness=dict(seed=0),
        experiment_name=f'{folder.name}_{batch_size}',
        log_level='ERROR',
        default_scope='mmseg',
    )
    return {key: float(value) for key, value in runner.val().items()}
