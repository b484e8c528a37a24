import math
from types import SimpleNamespace

import pytest
import torch
from mmengine.model import ExponentialMovingAverage
from mmengine.optim import OptimWrapper
from mmseg.registry import HOOKS

from mmseg_plugins.errors import UserError


def network():
    return torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))


def runner_with_teacher(accumulative_counts=1, iteration=0):
    model = torch.nn.Module()
    model.student, model.teacher = network(), network()
    optimizer = torch.optim.SGD(model.student.parameters(), lr=0.1)
    wrapper = OptimWrapper(optimizer, accumulative_counts=accumulative_counts)
    return SimpleNamespace(model=model, iter=iteration, optim_wrapper=wrapper)


def train(runner, hook, steps):
    for _ in range(steps):
        loss = runner.model.student(torch.randn(4, 2)).exp().sum()
        runner.optim_wrapper.update_params(loss)
        hook.after_train_iter(runner, 0)
        runner.iter += 1


def state(module):
    return {key: value.clone() for key, value in module.state_dict().items()}


def test_teacher_is_an_average_of_weights_and_statistics():
    runner = runner_with_teacher()
    hook = HOOKS.build(dict(type='MeanTeacherHook', momentum=0.1))
    teacher = runner.model.teacher
    hook.before_train(runner)
    assert runner.model.teacher is teacher  # no third network
    before = state(runner.model.teacher)
    for key, value in state(runner.model.student).items():
        assert torch.equal(before[key], value)
    train(runner, hook, 1)
    student, teacher = state(runner.model.student), state(runner.model.teacher)
    assert not torch.equal(student['1.running_mean'], before['1.running_mean'])
    for key in ('0.weight', '1.running_mean', '1.running_var'):
        torch.testing.assert_close(teacher[key], 0.9 * before[key] + 0.1 * student[key])


def test_teacher_is_the_closed_form_after_100_steps():
    """``0.99^n t + sum_i 0.01 0.99^(n - i) s_i`` for parameters and statistics; counters stay."""
    runner = runner_with_teacher()
    runner.model.double()
    student = runner.model.student
    hook = HOOKS.build(dict(type='MeanTeacherHook', momentum=0.01))
    hook.before_train(runner)
    states = [state(student)]
    for _ in range(100):
        for value in student.state_dict().values():
            value.add_(torch.randn_like(value) if value.is_floating_point() else 1)
        hook.after_train_iter(runner, 0)
        states.append(state(student))
    teacher = state(runner.model.teacher)
    weights = [0.99**100] + [0.01 * 0.99 ** (100 - step) for step in range(1, 101)]
    floats = {key for key, value in teacher.items() if value.is_floating_point()}
    assert floats == set(teacher) - {'1.num_batches_tracked'}
    for key in floats:
        expected = sum(w * s[key] for w, s in zip(weights, states, strict=True))
        torch.testing.assert_close(teacher[key], expected, rtol=1e-12, atol=1e-12)
    assert teacher['1.num_batches_tracked'] == 0 and states[-1]['1.num_batches_tracked'] == 100


@pytest.mark.parametrize('update_buffers', [True, False])
def test_teacher_is_mmengines_average(update_buffers):
    """Bit for bit, counters included."""
    runner = runner_with_teacher()
    hook = HOOKS.build(dict(type='MeanTeacherHook', momentum=0.1, update_buffers=update_buffers))
    hook.before_train(runner)
    average = ExponentialMovingAverage(
        runner.model.teacher, momentum=0.1, update_buffers=update_buffers
    )
    average.steps.fill_(1)  # average from the first step on
    for _ in range(5):
        train(runner, hook, 1)
        average.update_parameters(runner.model.student)
    expected = average.module.state_dict()
    for key, value in runner.model.teacher.state_dict().items():
        assert torch.equal(value, expected[key]), key


@pytest.mark.parametrize('momentum', [0, -0.1, 1.5, float('nan')])
def test_momentum_out_of_range(momentum):
    with pytest.raises(UserError, match=r'momentum=.* is not in \(0, 1\]'):
        HOOKS.build(dict(type='MeanTeacherHook', momentum=momentum))


def test_momentum_one_copies_the_student():
    runner = runner_with_teacher()
    hook = HOOKS.build(dict(type='MeanTeacherHook', momentum=1))
    hook.before_train(runner)
    train(runner, hook, 2)
    student, teacher = state(runner.model.student), state(runner.model.teacher)
    assert all(torch.equal(student[key], teacher[key]) for key in ('0.weight', '1.running_var'))


def test_teacher_moves_after_its_module_was_moved():
    """An averaged model built before ``.to()`` keeps the old buffers and never moves them."""
    runner = runner_with_teacher()
    runner.model.double()  # replaces buffers, as ``.cuda()`` does
    hook = HOOKS.build(dict(type='MeanTeacherHook'))
    hook.before_train(runner)
    before = state(runner.model.teacher)
    loss = runner.model.student(torch.randn(4, 2).double()).exp().sum()
    runner.optim_wrapper.update_params(loss)
    hook.after_train_iter(runner, 0)
    after = state(runner.model.teacher)
    assert all(not torch.equal(before[k], after[k]) for k in ('0.weight', '1.running_mean'))


def test_teacher_moves_once_per_optimizer_step():
    runner = runner_with_teacher(accumulative_counts=2)
    hook = HOOKS.build(dict(type='MeanTeacherHook'))
    runner.optim_wrapper.initialize_count_status(runner.model, 0, 4)
    hook.before_train(runner)
    before = state(runner.model.teacher)
    train(runner, hook, 1)
    assert torch.equal(state(runner.model.teacher)['0.weight'], before['0.weight'])
    train(runner, hook, 1)
    assert not torch.equal(state(runner.model.teacher)['0.weight'], before['0.weight'])


def test_a_resumed_teacher_is_kept():
    runner = runner_with_teacher(iteration=5)
    hook = HOOKS.build(dict(type='MeanTeacherHook'))
    before = state(runner.model.teacher)
    hook.before_train(runner)
    assert torch.equal(state(runner.model.teacher)['0.weight'], before['0.weight'])


def test_a_model_without_teacher():
    runner = SimpleNamespace(model=network(), iter=0)
    with pytest.raises(UserError, match='Sequential has no teacher'):
        HOOKS.build(dict(type='MeanTeacherHook')).before_train(runner)


def test_ramp_up_is_the_reference_s(golden):
    data = golden('cutmix/cutmix_consistency')
    hook = HOOKS.build(dict(type='CutMixHook', ramp_up=10, epoch_length=50))
    for epoch, expected in zip(data['rampup_epochs'], data['rampup_len10_value'], strict=True):
        for iteration in (50 * epoch, 50 * epoch + 49):
            assert hook.factor(int(iteration)) == pytest.approx(float(expected), rel=1e-6)


def test_ramp_up_reaches_the_model():
    runner = SimpleNamespace(model=torch.nn.Module(), iter=0)
    HOOKS.build(dict(type='CutMixHook')).before_train_iter(runner, 0)
    assert runner.model.unsup_ramp == 1
    hook = HOOKS.build(dict(type='CutMixHook', ramp_up=2, epoch_length=10))
    factors = []
    for runner.iter in (0, 9, 10, 20, 99):
        hook.before_train_iter(runner, 0)
        factors.append(runner.model.unsup_ramp)
    assert factors == pytest.approx([math.exp(-5), math.exp(-5), math.exp(-1.25), 1, 1])
    with pytest.raises(UserError, match='epoch_length=0'):
        HOOKS.build(dict(type='CutMixHook', epoch_length=0))


def test_corrmatch_guards(monkeypatch):
    said = []
    hook = HOOKS.build(dict(type='CorrMatchHook', patience=3))
    monkeypatch.setattr(hook, '_warn', said.append)

    def step(iteration, ratio):
        outputs = dict(mask_ratio=torch.tensor(ratio), threshold=torch.tensor(0.85))
        hook.after_train_iter(SimpleNamespace(iter=iteration), 0, outputs=outputs)

    for iteration, ratio in enumerate([0.0, 0.0, 0.5, 0.0, 0.0]):
        step(iteration, ratio)
    assert not said
    step(5, 0.0)
    assert len(said) == 1 and 'last 3 iterations' in said[0] and 'thresh_init' in said[0]
    step(6, 1.0)
    step(7, 1.0)
    assert len(said) == 2 and '100.0 % of the pixels pass' in said[1]
