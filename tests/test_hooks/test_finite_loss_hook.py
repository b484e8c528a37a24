"""A loss that is no longer a number stops the training, by name, before a checkpoint."""

import json

import pytest
import torch
from tiny_training import Tiny, make_runner

from mmseg_plugins.errors import UserError


class Poisoned(Tiny):
    """One term turns bad at the third iteration."""

    def __init__(self, bad='nan', name='unsup.loss_kl'):
        super().__init__()
        self.bad, self.name, self.steps = float(bad), name, 0

    def forward(self, inputs, data_samples=None, mode='tensor'):
        result = super().forward(inputs, data_samples, mode)
        if mode == 'loss':
            self.steps += 1
            result[self.name] = torch.tensor(self.bad if self.steps == 3 else 0.5)
        return result


@pytest.mark.parametrize('bad', ['nan', 'inf', '-inf'])
def test_a_bad_term_stops_the_training_and_is_named(tmp_path, bad):
    runner = make_runner(tmp_path, Poisoned(bad))
    with pytest.raises(UserError) as caught:
        runner.train()
    message = str(caught.value)
    assert message.startswith(f"loss term 'unsup.loss_kl' is {bad} at iteration 3 (lr 0.01); ")
    assert '\n' not in message
    assert "'loss'" not in message  # the sum is bad only because the term is
    checkpoints = sorted(path.name for path in tmp_path.glob('*.pth'))
    assert checkpoints == ['iter_2.pth']  # saved at every second iteration, not after the third

    record_hook = next(hook for hook in runner.hooks if type(hook).__name__ == 'RunRecordHook')
    record_hook.fail(caught.value)
    record = json.loads(next(tmp_path.glob('*/run.json')).read_text())
    assert (record['status'], record['reason']) == ('failed', message)
    assert record['iters_done'] == 2


def test_a_free_metric_counts_too(tmp_path):
    with pytest.raises(UserError, match="'mask_ratio' is nan at iteration 3"):
        make_runner(tmp_path, Poisoned(name='mask_ratio')).train()


def test_a_large_finite_loss_goes_on(tmp_path):
    runner = make_runner(tmp_path, Poisoned('1e38', name='mask_ratio'))
    runner.train()
    assert runner.iter == 4


def test_the_interval_spares_checks(tmp_path):
    runner = make_runner(
        tmp_path, Poisoned(name='mask_ratio'), hooks=[dict(type='FiniteLossHook', interval=2)]
    )
    runner.train()  # the third iteration is not looked at
    assert runner.iter == 4


def test_a_bad_interval():
    from mmseg_plugins.hooks import FiniteLossHook

    with pytest.raises(UserError, match='at least 1, found 0'):
        FiniteLossHook(interval=0)
