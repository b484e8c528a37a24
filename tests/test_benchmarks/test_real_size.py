"""A leaf as it is, ResNet-101 at the real crop, for one iteration on the CPU."""

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
