"""What an optimizer step of a run is made of."""

from mmengine.dist import get_world_size
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from torch.nn.modules.batchnorm import SyncBatchNorm, _BatchNorm


def step_batch(runner) -> dict:
    """What decides whether two runs with unlike GPUs can give the same number.

    Args:
        runner (Runner): A runner that is about to train (from ``before_run`` on).

    Returns:
        dict: Ready for JSON. ``accumulate``: batches of each rank in a step. ``images``: images
        per step over all ranks and batches, by source (``labeled``, ``unlabeled``); None where the
        sampler has no streams. ``norm_images``: images of all streams that share statistics of
        batch norm, at most; 0 where they are frozen or there are none. ``norm_synced``: whether
        ranks share them. ``denominators``: ``'rank'`` or ``'global'``. ``lr_scale``: by what
        ``auto_scale_lr`` multiplied the rates, else 1.
    """
    loop, ranks = runner.train_loop, get_world_size()
    loader = loop.dataloader
    # MMEngine's own accumulation ends a step after several iterations
    wrapper = runner.optim_wrapper
    counts = getattr(wrapper, '_accumulative_counts', 1) if isinstance(wrapper, OptimWrapper) else 1
    accumulate = max(getattr(loop, 'accumulate', 1), counts)
    images: dict[str, int] = {}
    sources = getattr(loader.dataset, 'sources', [])
    ratio = getattr(loader.sampler, 'source_ratio', [])
    for source, count in zip(sources, ratio, strict=False):
        images[source] = images.get(source, 0) + count * ranks * accumulate
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    norms = _training_norms(model)
    synced = bool(norms) and all(isinstance(norm, SyncBatchNorm) for norm in norms)
    batch = loader.batch_size or 0
    scaling = runner.cfg.get('auto_scale_lr') or {}
    scaled = bool(scaling.get('enable')) and scaling.get('base_batch_size')
    # of a stock segmentor the criterion knows
    owners = (model, *model.modules())
    found = next((m.denominators for m in owners if hasattr(m, 'denominators')), 'rank')
    return {
        'accumulate': accumulate,
        'images': images or None,
        'norm_images': batch * (ranks if synced else 1) if norms else 0,
        'norm_synced': synced or ranks == 1,
        'denominators': found,
        'lr_scale': ranks * batch / scaling['base_batch_size'] if scaled else 1.0,
    }


def _training_norms(model) -> list[_BatchNorm]:
    """The batch norms that take statistics of a batch while training."""
    was_training = model.training
    model.train()
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.training]
    model.train(was_training)
    return norms
