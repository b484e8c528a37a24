"""The classes of the generated benchmark "scans", with the raw ids of SemanticKITTI."""

from . import semantickitti_labels as kitti
from .label_table import LabelTable

CLASSES = (
    'road', 'sidewalk', 'terrain', 'building', 'vegetation', 'trunk', 'pole', 'car', 'person',
)  # fmt: skip

TABLE = LabelTable(
    'scans',
    kitti.RAW,
    {name: kitti.MEMBERS[name] for name in CLASSES},
    [kitti.PALETTE[kitti.TABLE.classes.index(name)] for name in CLASSES],
)
