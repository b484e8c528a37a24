"""A leaf as it is, at the real size, for one iteration on the CPU."""

import resource

import lidar
import pytest
import replicas
from mmengine.runner import Runner

LEAF = 'corrmatch/corrmatch_deeplabv3plus-r101_4xb2u2_voc_classic_92-321.py'


@pytest.mark.slow
def test_corrmatch_on_voc(tmp_path, config, recorded, at):
    data = replicas.prepared(tmp_path, 'voc12', ['voc_classic_92'])
    recorded(at(data))
    cfg = config(LEAF)
    cfg.model.student.backbone.init_cfg = None  # the file of weights is not here
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
    cfg.train_cfg.update(max_iters=1, val_interval=1)
    cfg.default_hooks.checkpoint.interval = 1
    cfg.work_dir = str(tmp_path / 'run')
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 1 and 'val/mIoU' in runner.message_hub.log_scalars
    assert sum(p.numel() for p in runner.model.parameters()) == pytest.approx(64.198e6, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('dataset', 'method'),
    [('semantickitti', 'suponly'), ('semantickitti', 'cutmix'), ('nuscenes', 'cutmix')],
)
def test_range_images(dataset, method, tmp_path, leaves, config, recorded, at):
    """All but the batch, of one scan a stream, and mixed precision is the leaf's."""
    recorded(at(lidar.prepared(tmp_path, dataset)))
    (name,) = (
        leaf.name
        for leaf in leaves
        if leaf.protocol['cell'] == f'{dataset}_1pct/{method}/fidnet' and leaf.protocol['primary']
    )
    cfg = config(name)
    sampler = cfg.train_dataloader.sampler
    sampler.source_ratio = [1] * len(sampler.source_ratio)
    cfg.train_dataloader.batch_size = len(sampler.source_ratio)
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
    cfg.optim_wrapper.type = 'OptimWrapper'
    cfg.train_cfg.update(max_iters=1, val_interval=1)
    cfg.param_scheduler.end = 2
    cfg.work_dir = str(tmp_path / 'run')
    runner = Runner.from_cfg(cfg)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    runner.train()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    scalars = runner.message_hub.log_scalars
    seconds, score = (scalars[f'{mode}/time'].current() for mode in ('train', 'val'))
    print(
        f'{name}: a step {seconds:.1f} s, a scan of the validation {score:.1f} s, memory '
        f'{peak / 2**20:.1f} GiB, before it {before / 2**20:.1f} GiB'
    )
    assert runner.iter == 1 and 'val/mIoU' in scalars
