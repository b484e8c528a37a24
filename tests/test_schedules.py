"""CorrMatch's optimiser and schedule (specification 2.7), built as a run builds them."""

import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS
from torch import nn

TOTAL = 10


class Net(nn.Module):
    """The parameter names of a network: BN and biases in backbone and head."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
        self.decode_head = nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 2, 1))
        self.auxiliary_head = nn.Conv2d(2, 2, 1)

    def forward(self, x):
        features = self.backbone(x)
        return self.decode_head(features) + self.auxiliary_head(features)


class Semi(nn.Module):
    """Those of a segmentor around it."""

    def __init__(self):
        super().__init__()
        self.student = Net()
        self.correlation = nn.Conv2d(2, 2, 1)

    def forward(self, x):
        return self.correlation(self.student(x))


@pytest.fixture
def build(root):
    cfg = Config.fromfile(root / 'configs/_base_/schedules/sgd_poly.py')

    def builder(model, total=TOTAL):
        wrapper = build_optim_wrapper(model, copy.deepcopy(cfg.optim_wrapper))
        scheduler = dict(cfg.param_scheduler, end=total + 2)
        return wrapper, PARAM_SCHEDULERS.build(scheduler, default_args=dict(optimizer=wrapper))

    return builder


def train(model, wrapper, scheduler, images):
    rates = []
    for image in images:
        rates.append(wrapper.param_groups[0]['lr'])
        wrapper.update_params(model(image).square().mean())
        scheduler.step()
    return rates


@pytest.mark.parametrize('kind', [Net, Semi])
def test_training_is_the_specification_s(build, golden, kind):
    factors = golden('corrmatch/sampling')['lr_factor_total10']
    torch.manual_seed(0)
    images = torch.randn(TOTAL, 3, 1, 4, 4, dtype=torch.float64)
    model = kind().double()
    by_hand = copy.deepcopy(model)
    start = copy.deepcopy(model.state_dict())

    rates = train(model, *build(model), images)
    assert rates == pytest.approx(0.001 * factors, rel=1e-14)

    velocity = {}
    for image, factor in zip(images, factors, strict=True):
        by_hand.zero_grad()
        by_hand(image).square().mean().backward()
        for name, param in by_hand.named_parameters():
            rate = 0.001 * factor * (1 if 'backbone' in name else 10)
            step = param.grad + 1e-4 * param.data  # also of BN and biases
            velocity[name] = 0.9 * velocity.get(name, 0) + step
            param.data -= rate * velocity[name]
    for name, param in by_hand.named_parameters():
        torch.testing.assert_close(model.get_parameter(name), param, rtol=1e-12, atol=1e-15)
        assert not torch.equal(param.data, start[name])


def test_resume(build):
    torch.manual_seed(0)
    images = torch.randn(TOTAL, 3, 1, 4, 4)
    model = Semi()
    wrapper, scheduler = build(model)
    train(model, wrapper, scheduler, images[:4])
    resumed = copy.deepcopy(model)
    again, later = build(resumed)
    again.load_state_dict(copy.deepcopy(wrapper.state_dict()))
    later.load_state_dict(copy.deepcopy(scheduler.state_dict()))
    straight = train(model, wrapper, scheduler, images[4:])
    assert train(resumed, again, later, images[4:]) == straight
    for a, b in zip(model.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_long_run_stays_on_the_curve(build):
    total = 20_000
    wrapper, scheduler = build(nn.Conv2d(1, 1, 1, bias=False), total)
    worst = 0.0
    for n in range(total):
        wanted = 0.001 * (1 - max(n - 1, 0) / total) ** 0.9
        worst = max(worst, abs(wrapper.param_groups[0]['lr'] / wanted - 1))
        wrapper.step()
        scheduler.step()
    assert worst < 1e-11
