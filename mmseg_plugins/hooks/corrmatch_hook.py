import logging

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmseg.registry import HOOKS


@HOOKS.register_module()
class CorrMatchHook(Hook):
    """Watches CorrMatch's filter and says when it starves or lets everything pass.

    Both happen silently: with no confident pixel the unlabelled losses are zero and the run is
    supervised-only; with all pixels passing from the start the pseudo labels are noise.

    Its counters are in the checkpoint, so that a resumed run warns when an uninterrupted one would.

    Args:
        patience (int): Iterations in a row without a confident pixel before a warning. Defaults to
            500.
        warmup (int): Iterations within which a nearly full filter is suspicious. Defaults to 100.
        full (float): Share of passing pixels that counts as nearly full. Defaults to 0.99.
    """

    def __init__(self, patience: int = 500, warmup: int = 100, full: float = 0.99) -> None:
        self.patience = patience
        self.warmup = warmup
        self.full = full
        self.starved = 0
        self.warned_full = False

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Look at this iteration's ``mask_ratio``."""
        ratio, threshold = float(outputs['mask_ratio']), float(outputs['threshold'])
        self.starved = self.starved + 1 if ratio == 0 else 0
        if self.starved and self.starved % self.patience == 0:
            self._warn(
                f'no pixel reached the threshold {threshold:.4f} in the last {self.starved} '
                'iterations: training is supervised only; lower thresh_init or train on labels '
                'first'
            )
        # a threshold of 0 lets everything pass because it was asked to
        suspicious = runner.iter < self.warmup and ratio >= self.full and threshold > 0
        if suspicious and not self.warned_full:
            self.warned_full = True
            self._warn(
                f'{100 * ratio:.1f} % of the pixels pass the threshold {threshold:.4f} at '
                f'iteration {runner.iter + 1}: pseudo labels are hardly filtered; is thresh_init '
                'meant to be so low?'
            )

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Put the counters into the checkpoint."""
        checkpoint['corrmatch_hook'] = dict(starved=self.starved, warned_full=self.warned_full)

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Take the counters of the run that is resumed."""
        if runner._resume:  # weights alone are the start of another run
            self.__dict__.update(checkpoint.get('corrmatch_hook', {}))

    def _warn(self, message: str) -> None:
        print_log(f'CorrMatchHook: {message}', logger='current', level=logging.WARNING)
