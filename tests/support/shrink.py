"""A leaf at a tenth of its size: sizes are overridden, nothing else."""

from pathlib import Path

from mmengine.config import Config

SIZES = ('crop_size', 'size', 'stride')  # of crops, padding, sliding windows, the preprocessor
CHANNELS = 32  # of the last stage of a ResNet-18 with 4 base channels


def shrink(cfg: Config, work_dir: Path, batch: int = 2) -> Config:
    """Make a leaf one iteration and one validation on a CPU.

    Crops, windows and strides become a tenth, the network a narrow ResNet-18 from random weights,
    the run one iteration. Pipelines, streams, losses, optimiser, schedule and evaluation stay.

    Args:
        cfg (Config): A leaf; changed in place.
        work_dir (Path): Where the run goes.
        batch (int): Images of each stream in a batch. Defaults to 2.

    Returns:
        Config: The leaf.
    """
    for part in (cfg.model, cfg.train_dataloader, cfg.val_dataloader):
        _shrink_sizes(part)
    _shrink_network(cfg.model.get('student', cfg.model))
    if 'correlation' in cfg.model:
        cfg.model.correlation.update(in_channels=CHANNELS, channels=8)

    sampler = cfg.train_dataloader.sampler
    sampler.source_ratio = [batch] * len(sampler.source_ratio)
    cfg.train_dataloader.batch_size = sum(sampler.source_ratio)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
    if 'param_scheduler' in cfg:
        cfg.param_scheduler.end += 1 - cfg.train_cfg.max_iters
    cfg.train_cfg.update(max_iters=1, val_interval=1)
    cfg.default_hooks.checkpoint.interval = 1
    cfg.work_dir = str(work_dir)
    return cfg


def _shrink_sizes(part) -> None:
    if isinstance(part, dict):
        for key in SIZES:
            if isinstance(part.get(key), list | tuple):
                part[key] = tuple(-(-n // 10) for n in part[key])
    children = part.values() if isinstance(part, dict) else part
    for child in children:
        if isinstance(child, dict | list | tuple):
            _shrink_sizes(child)


def _shrink_network(network) -> None:
    network.backbone.update(depth=18, base_channels=4, stem_channels=4, init_cfg=None)
    # random weights would begin with scales of 0, beside which frozen batch norm trains nothing
    network.backbone.zero_init_residual = False
    head = network.decode_head
    if isinstance(head.in_channels, list | tuple):  # that of v3+ also takes the first stage
        head.in_channels = (4, CHANNELS)
    else:
        head.in_channels = CHANNELS
    for key, value in dict(channels=8, c1_channels=4, c1_in_channels=4).items():
        if key in head:
            head[key] = value
    if 'min_kept' in head.loss_decode:
        head.loss_decode.min_kept //= 100  # a count of pixels
    head.dilations = [max(1, dilation // 6) for dilation in head.dilations]
