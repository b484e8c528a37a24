import copy

from mmcv.transforms import BaseTransform, Compose
from mmseg.registry import TRANSFORMS

from mmseg_plugins.errors import UserError


@TRANSFORMS.register_module()
class MultiBranch(BaseTransform):
    """Turn one sample into named views, each by a pipeline of its own.

    Args:
        branch_field (list[str]): The views of all streams together. Those without a pipeline here
            are None in the sample and left out by :class:`MultiBranchDataPreprocessor`.
        **branch_pipelines (list[dict]): A pipeline for each view, ending in ``PackSegInputs``.

    Raises:
        UserError: If a view is not in ``branch_field``.
    """

    def __init__(self, branch_field: list[str], **branch_pipelines: list[dict]) -> None:
        unknown = sorted(set(branch_pipelines) - set(branch_field))
        if unknown:
            raise UserError(f'MultiBranch: views {unknown} are not in branch_field={branch_field}')
        self.branch_field = branch_field
        self.branch_pipelines = {
            branch: Compose(pipeline) for branch, pipeline in branch_pipelines.items()
        }

    def transform(self, results: dict) -> dict:
        """Make the views.

        Args:
            results (dict): A sample before packing; it is used up.

        Returns:
            dict: ``inputs`` and ``data_samples``, each a dict of view to value or None.
        """
        # the last one may have the sample itself
        last = next(reversed(self.branch_pipelines), None)
        packed = {
            branch: pipeline(results if branch == last else copy.deepcopy(results))
            for branch, pipeline in self.branch_pipelines.items()
        }
        return {
            key: {
                branch: packed[branch][key] if branch in packed else None
                for branch in self.branch_field
            }
            for key in ('inputs', 'data_samples')
        }

    def __repr__(self) -> str:
        return f'{type(self).__name__}(branches={self.branch_pipelines})'
