"""What two ranks do in `test_distributed.py`; importable, because ranks are processes."""

import os
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp


def run(function, *args):
    """Run ``function(rank, *args)`` on two gloo ranks; an assertion in one fails the caller.

    They meet in a file: a port may be taken. The server that forks them imports the stack once.
    """
    context = mp.get_context('forkserver')
    context.set_forkserver_preload(['mmseg_plugins'])
    with tempfile.TemporaryDirectory() as folder:
        arguments = (f'file://{folder}/store', function, args)
        mp.start_processes(_start, arguments, nprocs=2, start_method='forkserver')


def _start(rank, store, function, args):
    from mmengine.registry import init_default_scope

    import mmseg_plugins  # noqa: F401

    torch.set_num_threads(1)
    os.environ['LOCAL_RANK'] = str(rank)  # MMEngine reads it to wrap a model
    init_default_scope('mmseg')
    dist.init_process_group('gloo', init_method=store, rank=rank, world_size=2)
    function(rank, *args)
    dist.destroy_process_group()


def threshold(rank, path):
    from mmseg_plugins.ops.pseudo_label import hard_label
    from mmseg_plugins.segmentors import CorrMatch

    data = np.load(path)
    owner = SimpleNamespace(
        threshold=torch.tensor(0.85), thresh_momentum=0.001, ends_step=True, maxima=None
    )
    for step, expected in enumerate(data['tau_2ranks']):
        images = [[0, 1], [2, 0]][rank]
        logits = torch.from_numpy(data['pred'][step][images])
        valid = torch.from_numpy(data['ignore'][step][images]) != 255
        label, confidence = hard_label(logits)
        owner.student = SimpleNamespace(out_channels=logits.size(1))
        CorrMatch.update_threshold(owner, dict(label=label, confidence=confidence), valid)
        assert owner.threshold.item() == pytest.approx(expected, abs=1e-7), (rank, step)


def gate(rank):
    from mmseg_plugins.losses import ConsistencyLoss

    loss = ConsistencyLoss(threshold=0.5)
    teacher = torch.tensor([[9.0, 0.0], [9.0, 0.0], [0.1, 0.0]][rank : rank + 2]).view(2, 2, 1, 1)
    student = torch.zeros(2, 2, 1, 1)
    loss.threshold = 0.97
    share = loss.gate(loss.read(teacher)[1], torch.ones(2, 1, 1, 1)).item()
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


def own_randomness(rank):
    """Ranks draw unlike boxes and dropout; the same rank and iteration draw the same again."""
    from mmengine.dist import all_gather_object

    from mmseg_plugins.box_policies import FrenchBox
    from mmseg_plugins.hooks import IterationSeedHook

    hook, drawn = IterationSeedHook(), []
    runner = SimpleNamespace(
        seed=3 + rank,  # as with diff_rank_seed
        iter=0,
        cfg={},
        train_dataloader=SimpleNamespace(sampler=None),
    )
    hook.before_train(runner)
    assert hook.seed == 3
    for runner.iter in (0, 1, 0):
        hook.before_train_iter(runner, 0)
        drawn.append((FrenchBox()(2, (50, 50)).tolist(), torch.rand(3).tolist()))
    assert drawn[0] == drawn[2] != drawn[1]
    ours, theirs = all_gather_object(drawn)
    assert all(a[0] != b[0] and a[1] != b[1] for a in ours for b in theirs)


def range_criteria(rank):
    """Of the pixels of all ranks: value and gradient are those of one rank that has them all."""
    import mmengine.dist
    from mmseg.registry import MODELS

    generator = torch.Generator().manual_seed(0)
    logits, teacher = torch.randn(2, 4, 5, 6, 8, generator=generator)
    label = torch.randint(5, (4, 6, 8), generator=generator)
    label[0] = label[1, 2:] = 255  # unevenly
    own = slice(2 * rank, 2 * rank + 2)
    hard = dict(type='HardLabelLoss', threshold=0.3, lovasz_weight=3.0)
    for cfg in (dict(type='ClassDiceLoss'), dict(type='MaskedLovaszLoss'), hard):

        def value_and_gradient(part, denominators, cfg=cfg):
            loss = MODELS.build({**cfg, 'denominators': denominators})
            x = logits[part].clone().requires_grad_()
            target = (label[part],)
            if cfg is hard:
                target = teacher[part], (label[part] != 255).float().unsqueeze(1)
            value = loss(x, *target)
            return value.detach(), torch.autograd.grad(value, x)[0]

        value, gradient = value_and_gradient(slice(None), 'rank')
        assert value > 0 and gradient[own].any()
        for denominators in ('rank', 'global'):
            mine, part = value_and_gradient(own, denominators)
            mmengine.dist.all_reduce(mine, 'mean')  # as what data-parallel training logs and does
            same = torch.allclose(mine, value), torch.allclose(part / 2, gradient[own], atol=1e-6)
            assert same == (denominators == 'global',) * 2, (cfg, denominators, rank)


def train_all(rank, folder, cases):
    """Train each case on this rank's half of every batch; rank 0 writes ``<case>.pth``."""
    from mmengine.dist import all_gather_object
    from same_number import train

    for name, case in cases.items():
        state = train(Path(folder) / f'{name}_rank{rank}', **case, parts=2, part=rank)
        ours, theirs = all_gather_object(state)
        # teacher, threshold and weights are equal on all ranks, bit by bit
        assert all(torch.equal(ours[key], theirs[key]) for key in ours), name
        if rank == 0:
            torch.save(state, Path(folder) / f'{name}.pth')


def validate(rank, data, folder):
    """Score the set of odd size; rank 0 writes what it returns."""
    from same_number import score

    metrics = {size: score(data, Path(folder) / f'val{rank}', size) for size in (1, 2)}
    if rank == 0:
        torch.save(metrics, Path(folder) / 'metrics.pth')
