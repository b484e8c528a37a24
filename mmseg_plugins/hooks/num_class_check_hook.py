"""The network has a class for each of the data set's."""

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import HOOKS

from mmseg_plugins.errors import UserError


@HOOKS.register_module()
class NumClassCheckHook(Hook):
    """Stop before the first iteration if a head's classes are not those of the data.

    Otherwise a label beyond the last class ends in an index error of the loss, on a GPU in one that
    names neither, and a class too many is trained on nothing. MMDetection has a hook of this name.
    """

    def before_train(self, runner) -> None:
        """Compare with the training data; raises UserError."""
        _check(runner, runner.train_dataloader.dataset)

    def before_val(self, runner) -> None:
        """Compare with the validation data; raises UserError."""
        _check(runner, runner.val_dataloader.dataset)

    def before_test(self, runner) -> None:
        """Compare with the test data; raises UserError."""
        _check(runner, runner.test_dataloader.dataset)


def _check(runner, dataset) -> None:
    classes = (getattr(dataset, 'metainfo', None) or {}).get('classes')
    if classes is None:
        return
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    for name, module in model.named_modules():
        if isinstance(module, BaseDecodeHead) and module.num_classes != len(classes):
            raise UserError(
                f'{name} has num_classes={module.num_classes}, the data set has '
                f'{len(classes)} classes ({", ".join(classes[:3])}, ...); set '
                f'model.{name}.num_classes={len(classes)}'
            )
