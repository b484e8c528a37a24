"""Make a resumed training draw what an uninterrupted one draws."""

from mmengine.dist import broadcast_object_list, get_rank
from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from mmseg_plugins.seeding import ITERATION, seed_all


@HOOKS.register_module()
class IterationSeedHook(Hook):
    """Seed all generators anew before each iteration, by (seed, rank, iteration).

    Dropout, boxes and sampled maps are then the same whether or not the training was interrupted;
    a checkpoint need not hold generator states. The images' augmentation does not depend on it:
    :class:`SemiDataset` seeds that by draw.

    Args:
        per_rank (bool): If False, all ranks draw the same boxes and maps, as in CorrMatch's code.
            Defaults to True.
    """

    priority = 'VERY_HIGH'

    def __init__(self, per_rank: bool = True) -> None:
        self.per_rank = per_rank

    def before_train(self, runner) -> None:
        """Give the sampler the seed of the run that goes on, where none was configured."""
        # A run with `randomness.seed=None` draws one, which its checkpoint brings back after the
        # sampler was built; with `diff_rank_seed` every rank has another, and the sampler rank 0's.
        seed = [runner.seed]
        broadcast_object_list(seed)
        (self.seed,) = seed
        configured = runner.cfg.get('train_dataloader') or {}
        sampler = runner.train_dataloader.sampler
        if hasattr(sampler, 'seed') and configured.get('sampler', {}).get('seed') is None:
            sampler.seed = self.seed

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        """Seed this iteration."""
        rank = get_rank() if self.per_rank else 0
        seed_all(self.seed, ITERATION, rank, runner.iter)
