from mmseg.registry import DATASETS

from .lidar.scans_labels import TABLE
from .semantickitti import SemanticKITTIDataset


@DATASETS.register_module()
class ScansDataset(SemanticKITTIDataset):
    """The generated benchmark of ``tools/prepare_data.py scans``; SemanticKITTI's layout.

    Args:
        **kwargs: See :class:`SemanticKITTIDataset`.
    """

    PREPARE = 'scans'
    FORMAT = 'scans'
    METAINFO = TABLE.metainfo
