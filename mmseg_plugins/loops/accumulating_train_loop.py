from collections.abc import Iterator
from typing import Any

import torch
from mmengine.model import is_model_wrapper
from mmengine.runner import IterBasedTrainLoop
from mmseg.registry import LOOPS

from mmseg_plugins.errors import UserError


@LOOPS.register_module()
class AccumulatingTrainLoop(IterBasedTrainLoop):
    """An iteration is an optimizer step, over the gradients of one or more batches.

    With ``accumulate=4`` a single GPU takes for each step the images that four of them take: the
    sampler deals the same ones. Because iterations are steps, whatever counts them needs no
    change: length and validations of the run, learning rates, teacher, ramps, checkpoints; and a
    checkpoint never holds half a step. What is logged is the mean over the batches. The segmentor
    is told which of them is the last (``ends_step``), so that CorrMatch moves its threshold once.

    Not equal to the larger batch: statistics of batch norm, French et al.'s gate (averaged over a
    batch), the pixels that OHEM selects, denominators where ignored pixels are spread unevenly,
    and CorrMatch's filter within the step: all but the last batch are filtered by the threshold
    of the step before.

    MMEngine's own ``optim_wrapper.accumulative_counts`` counts batches as iterations instead.

    Args:
        runner (Runner): The runner.
        dataloader (DataLoader | dict): The training data.
        max_iters (int): Optimizer steps.
        accumulate (int): Batches of each rank in a step. Defaults to 1.
        pin_memory (bool, optional): Of a loader that is a config and does not say itself: whether
            it puts images into memory from which they are copied to a GPU beside its work. None is
            where there is a GPU; without one PyTorch would warn. Defaults to None.
        **kwargs: See MMEngine's ``IterBasedTrainLoop``.

    Raises:
        UserError: If ``accumulate`` is not a whole number of at least 1, or does not go with
            another setting of the run.
    """

    def __init__(
        self,
        runner,
        dataloader,
        max_iters: int,
        accumulate: int = 1,
        pin_memory: bool | None = None,
        **kwargs,
    ) -> None:
        if not isinstance(accumulate, int) or accumulate < 1:
            raise UserError(
                f'AccumulatingTrainLoop: accumulate={accumulate!r} is no number of batches; use 1, '
                '2, 3, ...'
            )
        scaling = runner.cfg.get('auto_scale_lr') or {}
        if accumulate > 1 and scaling.get('enable'):
            raise UserError(
                f'AccumulatingTrainLoop: accumulate={accumulate} with auto_scale_lr.enable=True, '
                'which does not know of it; keep the batch by the one or scale the rate by the '
                'other'
            )
        if isinstance(dataloader, dict):
            pinned = torch.cuda.is_available() if pin_memory is None else pin_memory
            dataloader = {'pin_memory': pinned, **dataloader}
        super().__init__(runner, dataloader, max_iters, **kwargs)
        self.accumulate = accumulate
        self.dataloader_iterator = _Parts(self.dataloader_iterator, accumulate)

    def run(self) -> torch.nn.Module:
        """Train.

        Raises:
            UserError: If ``optim_wrapper`` accumulates on its own.
        """
        wrapper, count = self.runner.optim_wrapper, self.accumulate
        configured = getattr(wrapper, '_accumulative_counts', 1)
        if configured not in (1, count):
            raise UserError(
                f'AccumulatingTrainLoop: optim_wrapper.accumulative_counts={configured} would '
                f'count batches as iterations; set train_cfg.accumulate={configured} instead'
            )
        if count > 1:
            wrapper._accumulative_counts = count
            wrapper.initialize_count_status(
                self.runner.model, count * self._iter, count * self._max_iters
            )
        return super().run()

    def run_iter(self, data_batch: Any) -> None:
        """Make one optimizer step.

        Args:
            data_batch (Any): The first of its batches.
        """
        runner, logs = self.runner, []
        runner.call_hook('before_train_iter', batch_idx=self._iter, data_batch=data_batch)
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        for part in range(self.accumulate):
            if part:
                data_batch = next(self.dataloader_iterator)
            model.ends_step = part == self.accumulate - 1
            logs.append(runner.model.train_step(data_batch, optim_wrapper=runner.optim_wrapper))
        runner.call_hook(
            'after_train_iter', batch_idx=self._iter, data_batch=data_batch, outputs=_mean(logs)
        )
        self._iter += 1


class _Parts:
    """A loop's iterator that counts steps where it skips."""

    def __init__(self, iterator: Iterator, accumulate: int) -> None:
        self.iterator = iterator
        self.accumulate = accumulate

    def __iter__(self) -> '_Parts':
        return self

    def __next__(self) -> Any:
        return next(self.iterator)

    def skip_iter(self, steps: int) -> None:
        self.iterator.skip_iter(self.accumulate * steps)


def _mean(logs: list[dict]) -> dict:
    if len(logs) == 1:
        return logs[0]
    return {
        name: torch.stack([torch.as_tensor(log[name]).detach() for log in logs]).mean(0)
        for name in logs[0]
    }
