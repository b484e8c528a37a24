from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch.utils.data import DataLoader

from mmseg_plugins.errors import UserError
from mmseg_plugins.loops import AccumulatingTrainLoop, step_batch


class Numbers(torch.utils.data.Sampler):
    """0, 1, 2, ... without an end, from any position on."""

    start = 0

    def skip(self, num_samples):
        self.start = num_samples

    def __iter__(self):
        return iter(range(self.start, 10**6))


def loop(accumulate=1, scaling=None, counts=1, iteration=0):
    model = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.SyncBatchNorm(1))
    seen = []

    def train_step(data, optim_wrapper):
        seen.append(data.tolist())
        optim_wrapper.update_params(model[0](torch.ones(2, 1)).sum())
        return dict(loss=data.double().mean())

    model.train_step = train_step
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    runner = SimpleNamespace(
        model=model,
        cfg=dict(auto_scale_lr=scaling),
        optim_wrapper=OptimWrapper(optimizer, accumulative_counts=counts),
        visualizer=SimpleNamespace(),
        val_loop=None,
        logged=[],
    )
    runner.call_hook = lambda name, outputs=None, **kwargs: runner.logged.append(outputs)
    data = DataLoader(range(10**6), batch_size=2, sampler=Numbers())
    built = AccumulatingTrainLoop(runner, data, max_iters=3, accumulate=accumulate)
    built._iter = iteration
    runner.train_loop = built
    return built, seen


def test_a_resumed_loop_goes_on_where_the_steps_before_it_ended():
    whole, seen = loop(accumulate=3)
    whole.run()
    assert len(seen) == 9 and seen[3] == [6, 7]
    resumed, later = loop(accumulate=3, iteration=1)
    resumed.run()
    assert later == seen[3:]


def test_one_optimizer_step_and_one_log_entry_an_iteration():
    built, _ = loop(accumulate=2)
    weight = built.runner.model[0].weight
    before = weight.item()
    built.run_iter = lambda data, run=built.run_iter: (run(data), moved.append(weight.item()))
    moved = []
    built.run()
    assert len({before, *moved}) == 4
    # the gradient of a sum of two ones, averaged over two batches
    assert before - moved[0] == pytest.approx(0.2)
    logged = [outputs['loss'].item() for outputs in built.runner.logged if outputs]
    assert logged == [1.5, 5.5, 9.5] and built.runner.model.ends_step


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(accumulate=0), 'accumulate=0 is no number of batches'),
        (dict(accumulate=2, scaling=dict(enable=True)), 'with auto_scale_lr.enable=True'),
        (dict(counts=4), 'set train_cfg.accumulate=4 instead'),
    ],
)
def test_what_does_not_go_together(options, message):
    with pytest.raises(UserError, match=message) as error:
        loop(**options)[0].run()
    assert '\n' not in str(error.value)


def test_what_a_step_is_made_of():
    built, _ = loop(accumulate=4)
    assert step_batch(built.runner) == dict(
        accumulate=4,
        images=None,
        norm_images=2,
        norm_synced=True,
        denominators='rank',
        lr_scale=1.0,
    )
    built, _ = loop(scaling=dict(enable=True, base_batch_size=8))
    built.runner.model.eval()
    assert step_batch(built.runner)['lr_scale'] == 0.25
    assert not built.runner.model.training
