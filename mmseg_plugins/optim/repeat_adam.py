from collections.abc import Iterable

import torch
from mmseg.registry import OPTIMIZERS

from mmseg_plugins.errors import UserError


@OPTIMIZERS.register_module()
class RepeatAdam(torch.optim.Adam):
    """Adam that updates a group of parameters several times per step, with the same gradient.

    In the DeepLab v2 runs of French et al. most backbone parameters were listed three or four times
    in the optimizer, and each occurrence got a full update: moments, step counter, parameter. A
    parameter group says how often with ``repeat``; in a config, beside ``lr_mult`` in
    ``paramwise_cfg.custom_keys``. The option ``repeat_as`` replaces the effect.

    Source: French et al. (BMVC 2020), specification 2.1.

    Args:
        params (Iterable): Parameters, or groups of them with optional ``lr``, ``repeat`` etc.
        lr (float): Learning rate. Defaults to 1e-3.
        betas (tuple[float, float]): Decay of the moments. Defaults to (0.9, 0.999).
        eps (float): Added to the denominator. Defaults to 1e-8.
        weight_decay (float): L2 penalty. Defaults to 0.
        repeat (int): Updates per step of groups that do not say. Defaults to 1.
        repeat_as (str): ``'updates'`` repeats the update, which is what ran; ``'rate'`` makes one
            update with the learning rate multiplied by ``repeat``; ``'off'`` makes one update with
            the learning rate as it is. Defaults to ``'updates'``.

    Raises:
        UserError: If ``repeat_as`` is unknown or a ``repeat`` is not a positive integer.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        repeat: int = 1,
        repeat_as: str = 'updates',
    ) -> None:
        if repeat_as not in ('updates', 'rate', 'off'):
            raise UserError(
                f"RepeatAdam: unknown repeat_as={repeat_as!r}; use 'updates', 'rate' or 'off'"
            )
        self.repeat = repeat
        self.repeat_as = repeat_as
        super().__init__(params, lr, betas, eps, weight_decay)

    def add_param_group(self, param_group: dict) -> None:
        """Add a group; its ``repeat`` and ``lr`` become what ``repeat_as`` makes of them."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        repeat = group.setdefault('repeat', self.repeat)
        if not isinstance(repeat, int) or repeat < 1:
            raise UserError(f'RepeatAdam: repeat={repeat!r} of a group; use 1, 2, 3, ...')
        if self.repeat_as != 'updates':
            group['repeat'] = 1
        if self.repeat_as == 'rate':
            group['lr'] *= repeat

    def step(self, closure=None) -> float | None:
        """Update every group as often as it says.

        Args:
            closure (Callable, optional): Evaluates the model once and returns the loss.

        Returns:
            float, optional: What the closure returned.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        groups = self.param_groups
        try:
            for done in range(max(group['repeat'] for group in groups)):
                self.param_groups = [group for group in groups if group['repeat'] > done]
                super().step()
        finally:
            self.param_groups = groups
        return loss
