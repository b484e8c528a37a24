"""The arithmetic of a step, counted without doing it."""

import copy
from contextlib import nullcontext
from unittest import mock

import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch.utils.flop_counter import FlopCounterMode

from .bare import BarePasses
from .made_batch import in_channels, made_batch
from .trial import forget_files
from .variants import fit_size


def step_tflop(cfg: Config) -> float:
    """Floating point operations of a step's network passes, forward and backward.

    A multiplication and an addition count as two. It is counted on PyTorch's ``meta`` device:
    nothing is computed and no memory is needed.

    Args:
        cfg (Config): A leaf; it stays as it is.

    Returns:
        float: In 1e12, of one GPU's batch.
    """
    init_default_scope('mmseg')
    cfg = copy.deepcopy(cfg)
    forget_files(cfg.model)
    size, channels = fit_size(cfg, None), in_channels(cfg)
    batch = made_batch(cfg, (33, 33), None, 0)  # for its views and their counts
    with torch.device('meta'):
        model = revert_sync_batchnorm(MODELS.build(cfg.model)).train()
        many = batch['inputs'] if isinstance(batch['inputs'], dict) else dict(sup=batch['inputs'])
        counts = {view: sum(x is not None for x in images) for view, images in many.items()}
        inputs = {view: torch.empty(count, channels, *size) for view, count in counts.items()}
    samples = {view: [None] * count for view, count in counts.items()}
    several = isinstance(batch['inputs'], dict)
    passes = BarePasses(model, inputs if several else inputs['sup'], samples)
    # autocast does not know the device
    with mock.patch.object(torch, 'autocast', lambda *args, **kwargs: nullcontext()):
        with FlopCounterMode(display=False) as counter:
            passes()
    return counter.get_total_flops() / 1e12
