"""Stop a training whose loss is no longer a number."""

import math

import mmengine.dist as dist
import torch
from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from mmseg_plugins.errors import UserError


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stop at the first term that is NaN or infinite and say which one it is.

    It looks at everything that the model logs, so the term is named and not only the sum. It runs
    before the checkpoint is saved: no poisoned checkpoint is written. All ranks stop if one has to.

    Args:
        interval (int): Iterations between two checks. One check is one small transfer from the GPU.
            Defaults to 1.
    """

    priority = 'VERY_HIGH'

    def __init__(self, interval: int = 1) -> None:
        if interval < 1:
            raise UserError(f'FiniteLossHook: interval must be at least 1, found {interval}')
        self.interval = interval

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Check the terms of this iteration.

        Args:
            runner (Runner): The runner.
            batch_idx (int): Unused.
            data_batch (Any): Unused.
            outputs (dict[str, torch.Tensor], optional): What ``train_step`` returned.

        Raises:
            UserError: If a term is not finite; it names the term, its value and the iteration.
        """
        if not outputs or not self.every_n_train_iters(runner, self.interval):
            return
        # On the first term's device and in double precision: a large but finite value stays finite.
        device = next((v.device for v in outputs.values() if torch.is_tensor(v)), None)
        terms = {
            name: torch.as_tensor(value, device=device).detach().double().mean()
            for name, value in outputs.items()
            if torch.is_tensor(value) or isinstance(value, float)
        }
        if not terms:
            return
        # Summed over ranks, so that all of them stop with the same message.
        values = torch.stack(list(terms.values()))
        dist.all_reduce(values)
        if torch.isfinite(values).all():
            return
        bad = {
            name: value
            for name, value in zip(terms, values.tolist(), strict=True)
            if not math.isfinite(value)
        }
        # The sum is not finite whenever a term is not: it is named only when it stands alone.
        named = {name: value for name, value in bad.items() if name != 'loss'} or bad
        what = ', '.join(f"loss term '{name}' is {value}" for name, value in named.items())
        rates = [rate for group in runner.optim_wrapper.get_lr().values() for rate in group]
        rate = f' (lr {rates[0]:.3g})' if rates else ''
        raise UserError(
            f'{what} at iteration {runner.iter + 1}{rate}; lower the learning rate, clip the '
            'gradients (optim_wrapper.clip_grad) or look at the data of that term'
        )
