"""The networks and schedules of French et al. from the configs, whole or narrowed for a CPU."""

from pathlib import Path

from mmengine.config import Config, ConfigDict

BASE = Path(__file__).resolve().parents[2] / 'configs/_base_'
V2, V3PLUS = 'deeplabv2-r101', 'deeplabv3plus-r101-torchvision'


def network(name: str, num_classes: int = 21) -> ConfigDict:
    """As in the config, without the file of weights."""
    cfg = Config.fromfile(BASE / f'networks/{name}.py').network
    cfg.backbone.init_cfg = None
    cfg.decode_head.num_classes = num_classes
    return cfg


def narrow(name: str, **head) -> ConfigDict:
    """ResNet-18 with 4 base channels, dilations that fit a small image, 4 classes."""
    cfg = network(name, num_classes=4)
    cfg.backbone.update(depth=18, base_channels=4, stem_channels=4)
    if name == V2:
        cfg.decode_head.update(in_channels=32, dilations=(1, 2, 3, 4))
    else:
        sizes = dict(in_channels=(4, 32), channels=8, c1_channels=4, dilations=(1, 2, 3))
        cfg.decode_head.update(sizes)
    cfg.decode_head.update(head)
    return cfg


def cutmix(student: ConfigDict, threshold: float = 0.97) -> ConfigDict:
    consistency = dict(type='ConsistencyLoss', threshold=threshold)
    return ConfigDict(type='CutMix', student=student, predict_on='teacher', consistency=consistency)


def schedule(name: str) -> ConfigDict:
    """The ``optim_wrapper`` of ``adam_constant_<name>``."""
    return Config.fromfile(BASE / f'schedules/adam_constant_{name}.py').optim_wrapper
