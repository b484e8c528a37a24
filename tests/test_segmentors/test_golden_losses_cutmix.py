"""Ten float64 steps of CutMix with small networks of French et al., held to golden numbers."""

from types import SimpleNamespace

import pytest
import torch
from french import V2, V3PLUS, cutmix, narrow, schedule
from golden_losses import batch, check, fill, train
from mmengine.optim import build_optim_wrapper
from mmseg.registry import MODELS

from mmseg_plugins.hooks import MeanTeacherHook

VIEWS = ('sup', 'unsup_weak', 'unsup_weak_mix')
# dropout off, and a gate that a part of the pixels passes
HEADS = {V2: {}, V3PLUS: dict(aspp_dropout_ratio=0)}
THRESHOLDS = {V2: 0.97, V3PLUS: 0.6}


def losses(name: str) -> list[dict]:
    model = fill(MODELS.build(cutmix(narrow(name, **HEADS[name]), THRESHOLDS[name])))
    hook = MeanTeacherHook()
    always = SimpleNamespace(should_update=lambda: True)
    runner = SimpleNamespace(model=model, iter=0, optim_wrapper=always)
    hook.before_train(runner)
    cfg = schedule('v2' if name == V2 else 'v3plus')
    cfg.optimizer.lr = 1e-3  # ten steps at the paper's rate would hardly move
    history = train(
        model,
        # four images: over two, the batch norm after the image pooling has no gradient but rounding
        # errors, and Adam makes steps of them
        [batch(VIEWS, step, num=4) for step in range(10)],
        optimizer=build_optim_wrapper(model, cfg).optimizer,
        after_step=lambda step: hook.after_train_iter(runner, step),
    )
    # batch statistics hide the running ones, the teacher's averages among them, until evaluation
    image = batch(VIEWS, 10, num=4)[0]['sup']
    model.eval()
    with torch.no_grad():
        logits = {key: model.segment(getattr(model, key), image) for key in ('student', 'teacher')}
    return [*history, {key: value.abs().mean().item() for key, value in logits.items()}]


@pytest.mark.parametrize('name', HEADS)
def test_golden_losses(name):
    check(f'cutmix_{name.split("-")[0]}', losses(name))
