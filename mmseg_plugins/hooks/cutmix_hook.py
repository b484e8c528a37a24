import math

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmseg.registry import HOOKS

from mmseg_plugins.errors import UserError


@HOOKS.register_module()
class CutMixHook(Hook):
    """Ramps the weight of the unlabelled losses up.

    Source: French et al., specification 1.6 (used in none of their scripts, so it is off by
    default).

    Args:
        ramp_up (int): Length of the ramp in epochs; 0 or less switches it off. Defaults to 0.
        epoch_length (int): Iterations that count as an epoch; the factor is constant within one.
            Defaults to 1000.

    Raises:
        UserError: If ``epoch_length`` is not positive.
    """

    def __init__(self, ramp_up: int = 0, epoch_length: int = 1000) -> None:
        if epoch_length < 1:
            raise UserError(f'CutMixHook: epoch_length={epoch_length} must be at least 1 iteration')
        self.ramp_up = ramp_up
        self.epoch_length = epoch_length

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        """Set the factor of this iteration."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        model.unsup_ramp = self.factor(runner.iter)

    def factor(self, iteration: int) -> float:
        """The factor of an iteration: ``exp(-5 (1 - min(epoch, R) / R)^2)`` with ramp length R.

        Args:
            iteration (int): Counted from 0.

        Returns:
            float: In [0, 1].
        """
        if self.ramp_up <= 0:
            return 1.0
        epoch = iteration // self.epoch_length
        return math.exp(-5 * (1 - min(epoch, self.ramp_up) / self.ramp_up) ** 2)
