"""A LiDAR leaf at a small size: sizes are overridden, nothing else."""

from pathlib import Path

from mmengine.config import Config

NARROW = dict(stem_channels=(4, 8), channels=8, num_blocks=(1, 1, 1, 1))


def shrink(
    cfg: Config, work_dir: Path, columns: int = 64, batch: int = 2, iters: int = 1
) -> Config:
    """Make a leaf a short run on a CPU.

    The width of the range image, FIDNet's widths and the run are reduced, mixed precision, which
    needs a GPU, is off. Pipelines, streams, losses, optimiser, schedule and evaluation stay.

    Args:
        cfg (Config): A leaf; changed in place.
        work_dir (Path): Where the run goes.
        columns (int): Width of the range images. Defaults to 64.
        batch (int): Scans of each stream in a batch. Defaults to 2.
        iters (int): Iterations; one validation follows. Defaults to 1.

    Returns:
        Config: The leaf.
    """
    for part in (cfg.model, cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        _narrow(part, columns)
    network = cfg.model.get('student', cfg.model)
    network.backbone.update(NARROW)
    network.decode_head.update(in_channels=8 + 4 * 8, hidden_channels=(16, 8))
    sampler = cfg.train_dataloader.sampler
    sampler.source_ratio = [batch] * len(sampler.source_ratio)
    cfg.train_dataloader.batch_size = sum(sampler.source_ratio)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
    cfg.optim_wrapper.type = 'OptimWrapper'
    cfg.param_scheduler.end = iters
    cfg.train_cfg.update(max_iters=iters, val_interval=iters)
    cfg.default_hooks.checkpoint.interval = iters
    cfg.work_dir = str(work_dir)
    return cfg


def _narrow(part, columns: int) -> None:
    if isinstance(part, dict):
        if isinstance(part.get('size'), list | tuple):
            part['size'] = (part['size'][0], columns)
        if part.get('type') == 'RollColumns':
            part['margin'] = part.get('margin', 100) * columns // 2048
    for child in part.values() if isinstance(part, dict) else part:
        if isinstance(child, dict | list | tuple):
            _narrow(child, columns)
