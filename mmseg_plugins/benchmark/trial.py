from types import SimpleNamespace

import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import get_priority
from mmseg.registry import HOOKS, MODELS

from mmseg_plugins.seeding import ITERATION, seed_all

from .bare import BarePasses
from .memory import kept_mib
from .timeline import Timeline
from .watch import watching

# Hooks that take part in a step; the others watch, log and save.
IN_A_STEP = ('MeanTeacherHook', 'EMAHook', 'CheckpointingHook', 'CompileHook', 'ChannelsLastHook')


class Trial:
    """A leaf's model and optimiser, ready to make steps on one batch.

    The network starts from random weights, drawn from the seed. The optimiser makes all its
    arithmetic with a learning rate of 0, so that every step is the same step; draws of a step
    (dropout, boxes, maps) come from the seed and the step's number.

    Attributes:
        name (str): Of the variant.
        model (nn.Module): The segmentor, in train mode.
        timeline (Timeline): Of the last step.

    Args:
        cfg (Config): The leaf; it is changed.
        batches (callable): Yields what the leaf's loader would, called inside of each step.
        device (torch.device): Where it runs.
        seed (int): Defaults to 0.
        name (str): Defaults to ``''``.
    """

    def __init__(
        self,
        cfg: Config,
        batches,
        device: torch.device,
        seed: int = 0,
        name: str = '',
    ) -> None:
        init_default_scope('mmseg')
        self.name, self.device, self.seed, self.batches = name, device, seed, batches
        forget_files(cfg.model)
        # as a run sets it: other convolutions than without
        torch.backends.cudnn.benchmark = cfg.get('env_cfg', {}).get('cudnn_benchmark', False)
        seed_all(seed, ITERATION)
        model = revert_sync_batchnorm(MODELS.build(cfg.model))
        model.init_weights()
        self.model = model.to(device).train()
        self.wrapper = build_optim_wrapper(self.model, cfg.optim_wrapper)
        for group in self.wrapper.optimizer.param_groups:
            group['lr'] = 0.0
        hooks = [*cfg.get('default_hooks', {}).values(), *cfg.get('custom_hooks', [])]
        self.hooks = [HOOKS.build(hook) for hook in hooks if hook and hook['type'] in IN_A_STEP]
        self.hooks.sort(key=lambda hook: get_priority(hook.priority))
        self.timeline = Timeline(device)
        self.runner = SimpleNamespace(
            model=self.model, optim_wrapper=self.wrapper, iter=0, epoch=0, max_iters=1
        )
        for hook in self.hooks:
            hook.before_run(self.runner)
            hook.before_train(self.runner)
        self.bare_passes: BarePasses | None = None
        self.timeline.weigh = True  # memory runs out in the first step, if it does

    def step(self, number: int) -> dict[str, float]:
        """Make one training step.

        Args:
            number (int): Of the step; seeds its draws.

        Returns:
            dict[str, float]: Part to seconds.
        """
        seed_all(self.seed, ITERATION, 0, number)
        timeline = self.timeline
        with watching(self.model, self.wrapper, timeline), timeline.step():
            with timeline.part('data'):
                batch = next(self.batches)
            self.log = self.model.train_step(batch, self.wrapper)
            with timeline.part('EMA'):
                for hook in self.hooks:
                    hook.after_train_iter(self.runner, number)
        return timeline.seconds()

    def bare(self, number: int) -> float:
        """Make the step's network passes alone.

        Args:
            number (int): As in :meth:`step`.

        Returns:
            float: Seconds.
        """
        if self.bare_passes is None:
            data = self.model.data_preprocessor(next(self.batches), training=True)
            self.bare_passes = BarePasses(self.model, data['inputs'], data['data_samples'])
        seed_all(self.seed, ITERATION, 0, number)
        with self.wrapper.optim_context(self.model), self.timeline.step():
            self.bare_passes()
        self.wrapper.zero_grad()
        return sum(self.timeline.seconds().values())

    def kept_mib(self) -> float:
        """Memory of what lives between steps, in MiB."""
        self.wrapper.zero_grad()
        return kept_mib(self.model, self.wrapper.optimizer)


def forget_files(part) -> None:
    """Remove the files of trained weights from a model's config; the speed does not need them."""
    if isinstance(part, dict):
        start = part.get('init_cfg')
        if isinstance(start, dict) and start.get('type') == 'Pretrained':
            part['init_cfg'] = None
        if part.get('pretrained'):
            part['pretrained'] = None
    children = part.values() if isinstance(part, dict) else part
    for child in children:
        if isinstance(child, dict | list | tuple):
            forget_files(child)
