"""A change of mind is cheap: a new method is one class and one config."""

import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import MODELS

from mmseg_plugins.losses import masked_cross_entropy
from mmseg_plugins.segmentors import SemiBaseSegmentor


@MODELS.register_module(force=True)
class FixedThreshold(SemiBaseSegmentor):
    """FixMatch's step: confident hard labels of the weak view teach the strong one."""

    def __init__(self, student, predict_on='student', threshold=0.2, **kwargs):
        super().__init__(student, predict_on, **kwargs)
        self.confidence = threshold

    def loss_unsup(self, image, target, views):
        logits = self.segment(self.student, image)
        mask = (target['confidence'] >= self.confidence) & target['valid']
        loss = masked_cross_entropy(logits, target['label'], mask, target['valid'])
        return dict(loss_hard=loss, mask_ratio=mask.float().mean())


LEAF = """
_base_ = [
    '{configs}/_base_/benchmarks/shapes.py',
    '{configs}/_base_/networks/deeplabv3plus-r18n.py',
    '{configs}/_base_/schedules/adamw_poly.py',
    '{configs}/_base_/runtime.py',
]
network = _base_.network
network.decode_head.num_classes = 6
model = dict(
    type='FixedThreshold',
    student=network,
    data_preprocessor=dict(
        type='MultiBranchDataPreprocessor', data_preprocessor=_base_.data_preprocessor
    ),
)
pack = [dict(type='PackSegInputs')]
views = dict(type='MultiBranch', branch_field=['sup', 'unsup_weak', 'unsup_strong'])
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='MultiSourceSampler', source_ratio=[2, 2]),
    dataset=dict(
        type='SemiDataset',
        benchmark='tiny',
        labeled=_base_.labeled,
        unlabeled=_base_.unlabeled,
        streams=[
            dict(source='labeled', pipeline=[dict(**views, sup=pack)]),
            dict(
                source='unlabeled',
                pipeline=[
                    dict(
                        **views, unsup_weak=pack, unsup_strong=[dict(type='StrongAugment'), *pack]
                    )
                ],
            ),
        ],
    ),
)
val_dataloader = dict(num_workers=0, persistent_workers=False)
train_cfg = dict(max_iters=2, val_interval=2)
param_scheduler = dict(end=2)
"""


def test_a_fourth_method_trains(tiny_data, root, monkeypatch):
    monkeypatch.chdir(tiny_data.parent)
    leaf = tiny_data.parent / 'leaf.py'
    leaf.write_text(LEAF.format(configs=root / 'configs'))
    cfg = Config.fromfile(leaf)
    cfg.work_dir = str(tiny_data.parent / 'run')
    runner = Runner.from_cfg(cfg)
    before = runner.model.student.decode_head.conv_seg.weight.clone()
    runner.train()
    history = runner.message_hub.log_scalars
    assert torch.isfinite(torch.tensor(history['train/unsup.loss_hard'].data[0][-1]))
    assert not torch.equal(before, runner.model.student.decode_head.conv_seg.weight)
    assert 'val/mIoU' in history
