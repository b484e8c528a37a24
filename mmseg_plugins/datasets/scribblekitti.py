from mmseg.registry import DATASETS

from .semantickitti import SemanticKITTIDataset


@DATASETS.register_module()
class ScribbleKITTIDataset(SemanticKITTIDataset):
    """SemanticKITTI's scans with scribbles for training and its dense labels for validation.

    Source: Unal et al. (CVPR 2022); specification 1.1.

    Args:
        label_dir (str, optional): If None, ``'labels'`` with ``test_mode``, else ``'scribbles'``.
            Defaults to None.
        test_mode (bool): Defaults to False.
        **kwargs: See :class:`SemanticKITTIDataset`.
    """

    PREPARE = 'scribblekitti'

    def __init__(self, label_dir: str | None = None, test_mode: bool = False, **kwargs) -> None:
        label_dir = label_dir or ('labels' if test_mode else 'scribbles')
        super().__init__(label_dir=label_dir, test_mode=test_mode, **kwargs)
