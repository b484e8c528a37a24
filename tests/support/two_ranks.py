"""What two ranks do in `test_distributed.py`; importable, because ranks are processes."""

import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp


def run(function, *args):
    """Run ``function(rank, *args)`` on two gloo ranks; an assertion in one fails the caller."""
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(29500 + os.getpid() % 2000))
    mp.spawn(_start, (function, args), nprocs=2)


def _start(rank, function, args):
    torch.set_num_threads(1)
    dist.init_process_group('gloo', rank=rank, world_size=2)
    function(rank, *args)
    dist.destroy_process_group()


def threshold(rank, path):
    from mmseg_plugins.segmentors import CorrMatch

    data = np.load(path)
    owner = SimpleNamespace(threshold=torch.tensor(0.85), thresh_momentum=0.001)
    for step, expected in enumerate(data['tau_2ranks']):
        images = [[0, 1], [2, 0]][rank]
        logits = torch.from_numpy(data['pred'][step][images])
        valid = torch.from_numpy(data['ignore'][step][images]) != 255
        CorrMatch.update_threshold(owner, logits, valid)
        assert owner.threshold.item() == pytest.approx(expected, abs=1e-7), (rank, step)


def gate(rank):
    from mmseg_plugins.losses import ConsistencyLoss

    loss = ConsistencyLoss(threshold=0.5)
    teacher = torch.tensor([[9.0, 0.0], [9.0, 0.0], [0.1, 0.0]][rank : rank + 2]).view(2, 2, 1, 1)
    student = torch.zeros(2, 2, 1, 1)
    loss.threshold = 0.97
    share = loss.gate(teacher, torch.ones(2, 1, 1, 1)).item()
    assert share == pytest.approx(0.75)  # 2 of 2 here, 1 of 2 there
    assert loss(student, teacher, torch.ones(2, 1, 1, 1)) > 0


def finite(rank):
    from mmseg_plugins.errors import UserError
    from mmseg_plugins.hooks import FiniteLossHook

    hook = FiniteLossHook()
    runner = SimpleNamespace(iter=6, optim_wrapper=SimpleNamespace(get_lr=lambda: {}))
    outputs = dict(loss=torch.tensor(1.0), loss_a=torch.tensor([1.0, float('nan')][rank]))
    with pytest.raises(UserError, match="loss term 'loss_a' is nan at iteration 7"):
        hook.after_train_iter(runner, 0, outputs=outputs)
