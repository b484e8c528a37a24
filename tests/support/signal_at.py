"""For a training in a process of its own: send it a signal where ``SIGNAL_AT`` says.

``train:5`` before the fifth iteration, ``val:2`` in the second batch of the first validation;
``:group`` behind it tells the loader workers too, as a scheduler does.
"""

import os
import signal

from mmengine.hooks import Hook
from mmseg.registry import HOOKS


@HOOKS.register_module(force=True)
class SignalAt(Hook):
    """Sends SIGTERM once."""

    def __init__(self):
        self.where, at, *group = os.environ.get('SIGNAL_AT', 'never:0').split(':')
        self.left, self.group = int(at), bool(group)

    def _count(self, where):
        self.left -= where == self.where
        if where == self.where and self.left == 0:
            tell = os.killpg if self.group else os.kill
            tell(os.getpgrp() if self.group else os.getpid(), signal.SIGTERM)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self._count('train')

    def before_val_iter(self, runner, batch_idx, data_batch=None):
        self._count('val')
