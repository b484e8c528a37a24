"""Adam with several updates per step."""

import copy

import pytest
import torch

from mmseg_plugins.errors import UserError
from mmseg_plugins.optim import RepeatAdam

REPEATS = (1, 3, 4)


def make(size=1000, lr=1e-4, **options):
    parameters = [torch.nn.Parameter(torch.zeros(size, dtype=torch.double)) for _ in REPEATS]
    groups = [dict(params=[p], repeat=m) for p, m in zip(parameters, REPEATS, strict=True)]
    return parameters, RepeatAdam(groups, lr=lr, **options)


def step(parameters, optimizer, gradient):
    for parameter in parameters:
        parameter.grad = gradient.clone()
    optimizer.step()


def test_each_update_is_a_whole_one():
    """Moments, step counter and parameter move at every repetition; the gradient stays."""
    torch.manual_seed(0)
    parameters, optimizer = make(size=5)
    by_hand = [dict(x=0.0, m=0.0, v=0.0, t=0) for _ in REPEATS]
    for gradient in torch.randn(6, 5, dtype=torch.double):
        step(parameters, optimizer, gradient)
        for repeat, s in zip(REPEATS, by_hand, strict=True):
            for _ in range(repeat):
                s['t'] += 1
                s['m'] = 0.9 * s['m'] + 0.1 * gradient
                s['v'] = 0.999 * s['v'] + 0.001 * gradient**2
                scale = (s['v'] / (1 - 0.999 ** s['t'])).sqrt() + 1e-8
                s['x'] = s['x'] - 1e-4 * s['m'] / (1 - 0.9 ** s['t']) / scale
    for parameter, s in zip(parameters, by_hand, strict=True):
        torch.testing.assert_close(parameter.detach(), s['x'], rtol=1e-12, atol=0)
        assert optimizer.state[parameter]['step'] == s['t']
    assert [group['repeat'] for group in optimizer.param_groups] == list(REPEATS)


@pytest.mark.parametrize(
    ('mean', 'noise', 'steps', 'displacement', 'length'),
    [
        (1.0, 0.0, 50, (3.0, 4.0), (3.0, 4.0)),
        (0.2, 1.0, 1000, (3.0, 4.0), (4.1, 6.0)),
        (0.0, 1.0, 1000, None, (4.8, 7.3)),
    ],
)
def test_what_repetition_does(mean, noise, steps, displacement, length):
    """Net displacement and length of a step against a single update; specification 2.1's table."""
    torch.manual_seed(0)
    parameters, optimizer = make()
    walked = torch.zeros(3, dtype=torch.double)
    for _ in range(steps):
        before = torch.stack([p.detach().clone() for p in parameters])
        step(parameters, optimizer, mean + noise * torch.randn(1000, dtype=torch.double))
        walked += (torch.stack([p.detach() for p in parameters]) - before).abs().mean(dim=1)
    torch.testing.assert_close(walked[1:] / walked[0], walked.new_tensor(length), rtol=0.02, atol=0)
    if displacement:
        moved = torch.stack([p.detach().mean() for p in parameters])
        ratio = moved[1:] / moved[0]
        torch.testing.assert_close(ratio, walked.new_tensor(displacement), rtol=0.01, atol=0)


def test_without_repetition_it_is_adam():
    torch.manual_seed(0)
    ours, theirs = (torch.nn.Parameter(torch.ones(5, dtype=torch.double)) for _ in range(2))
    optimizers = [RepeatAdam([ours], lr=0.1), torch.optim.Adam([theirs], lr=0.1)]
    for gradient in torch.randn(4, 5, dtype=torch.double):
        for parameter, optimizer in zip((ours, theirs), optimizers, strict=True):
            step([parameter], optimizer, gradient)
    assert torch.equal(ours, theirs)


def test_resume():
    torch.manual_seed(0)
    gradients = torch.randn(6, 5, dtype=torch.double)
    parameters, optimizer = make(size=5)
    for gradient in gradients[:3]:
        step(parameters, optimizer, gradient)
    resumed, other = make(size=5)
    for old, new in zip(parameters, resumed, strict=True):
        new.data.copy_(old.data)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for gradient in gradients[3:]:
        step(parameters, optimizer, gradient)
        step(resumed, other, gradient)
    for old, new in zip(parameters, resumed, strict=True):
        assert torch.equal(old, new)


def test_a_closure_is_called_once():
    parameters, optimizer = make(size=1)
    calls = []

    def closure():
        calls.append(1)
        loss = sum((p - 1).square().sum() for p in parameters)
        loss.backward()
        return loss

    assert optimizer.step(closure) == 3 and len(calls) == 1
    assert all(p.item() > 0 for p in parameters)


def test_instead_of_repeated_updates():
    for repeat_as, rates in (('rate', (1e-4, 3e-4, 4e-4)), ('off', (1e-4,) * 3)):
        _, optimizer = make(repeat_as=repeat_as)
        assert [group['lr'] for group in optimizer.param_groups] == pytest.approx(rates)
        assert [group['repeat'] for group in optimizer.param_groups] == [1, 1, 1]


def test_bad_options():
    with pytest.raises(UserError, match="unknown repeat_as='lr'; use 'updates', 'rate' or 'off'"):
        make(repeat_as='lr')
    for repeat in (0, 1.5):
        with pytest.raises(UserError, match=f'repeat={repeat} of a group; use 1, 2, 3'):
            RepeatAdam([torch.nn.Parameter(torch.zeros(1))], repeat=repeat)
