"""The schedule of range images: specification (range view) 3.3, the stated choice."""

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS

LEAVES = dict(semantickitti=25000, scribblekitti=25000, nuscenes=45000)


@pytest.mark.parametrize('dataset', LEAVES)
def test_one_cycle(root, dataset):
    (path,) = root.glob(f'configs/cutmix/cutmix_fidnet_*_{dataset}_10pct-*.py')
    cfg = Config.fromfile(path)
    assert cfg.train_cfg.max_iters == LEAVES[dataset]
    assert cfg.train_dataloader.sampler.source_ratio == [8, 8, 8]
    assert cfg.optim_wrapper.type == 'AmpOptimWrapper'  # needs a GPU
    assert cfg.optim_wrapper.clip_grad.max_norm == 10
    wrapper = build_optim_wrapper(
        torch.nn.Linear(1, 1), cfg.optim_wrapper.copy() | dict(type='OptimWrapper')
    )
    (group,) = wrapper.optimizer.param_groups
    assert isinstance(wrapper.optimizer, torch.optim.AdamW) and group['weight_decay'] == 0.01
    # a run of a hundred iterations: the cycle's shape does not depend on its length
    scheduler = dict(cfg.param_scheduler, end=100)
    scheduler = PARAM_SCHEDULERS.build(scheduler, default_args=dict(optimizer=wrapper))
    rates = []
    for _ in range(100):
        rates.append(group['lr'])
        scheduler.step()
    assert rates[0] == pytest.approx(2.5e-3 / 25) and rates[99] == pytest.approx(1e-6, rel=0.01)
    assert max(rates) == rates[19] == pytest.approx(2.5e-3)
    assert rates[59] == pytest.approx(1.25e-3, rel=0.02), 'cosine, half way down'
