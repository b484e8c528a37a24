from mmengine.model import BaseDataPreprocessor
from mmseg.registry import MODELS


@MODELS.register_module()
class MultiBranchDataPreprocessor(BaseDataPreprocessor):
    """Run one data preprocessor on each branch of a batch.

    A training batch is a dict of branches, in which a sample that lacks a branch holds None
    (:class:`MultiBranch`). Validation batches have no branches and pass as they are.

    Args:
        data_preprocessor (dict): Config of mmseg's ``SegDataPreProcessor``.
        non_blocking (bool): Copy to the GPU from pinned memory (see
            :class:`AccumulatingTrainLoop`) while this process goes on. Defaults to True.
    """

    def __init__(self, data_preprocessor: dict, non_blocking: bool = True) -> None:
        super().__init__(non_blocking)
        self.data_preprocessor = MODELS.build(data_preprocessor)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Normalise, pad and stack each branch.

        Args:
            data (dict): ``inputs`` and ``data_samples``: lists, or dicts of branch to list.
            training (bool): Passed on. Defaults to False.

        Returns:
            dict: ``inputs`` of branch to Tensor (N, C, H, W), ``data_samples`` of branch to list.
        """
        if not isinstance(data['inputs'], dict):
            return self.data_preprocessor(data, training)

        data = self.cast_data(data)
        inputs, data_samples = {}, {}
        for branch in data['inputs']:
            batch = {
                key: [value for value in data[key][branch] if value is not None]
                for key in ('inputs', 'data_samples')
            }
            if not batch['inputs']:  # of a stream that is not drawn
                continue
            batch = self._prepared(batch, training)
            inputs[branch], data_samples[branch] = batch['inputs'], batch['data_samples']
        return dict(inputs=inputs, data_samples=data_samples)

    def _prepared(self, batch: dict, training: bool) -> dict:
        inner = self.data_preprocessor
        if not getattr(inner, '_channel_conversion', False) or batch['inputs'][0].size(0) != 3:
            return inner(batch, training)
        # mmseg reverses channels by a list as index, whose copy makes the host wait at each image
        images = [image.flip(0) for image in batch['inputs']]
        inner._channel_conversion = False
        try:
            return inner(dict(batch, inputs=images), training)
        finally:
            inner._channel_conversion = True
