from typing import NamedTuple

from . import nuscenes_labels, scans_labels, semantickitti_labels
from .label_table import LabelTable


class ScanFormat(NamedTuple):
    """How the files of a LiDAR data set are to be read."""

    columns: int  # float32 values of a point: x, y, z, intensity, and perhaps the ring
    rings: int | None  # number of rings where the fifth column is one
    label_dtype: str  # of a point's label
    table: LabelTable


FORMATS = dict(
    semantickitti=ScanFormat(4, None, '<u4', semantickitti_labels.TABLE),
    nuscenes=ScanFormat(5, 32, 'u1', nuscenes_labels.TABLE),
    scans=ScanFormat(4, None, '<u4', scans_labels.TABLE),
)
