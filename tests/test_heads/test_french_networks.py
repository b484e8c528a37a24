"""The whole networks of French et al.: sizes, counts, and what train mode means in them."""

import pytest
import torch
from french import V2, V3PLUS, cutmix, narrow, network
from mmseg.registry import MODELS
from students import batch
from torch import nn

VIEWS = ('sup', 'unsup_weak', 'unsup_weak_mix')


@pytest.fixture(scope='module', params=[V2, V3PLUS])
def whole(request):
    with torch.device('meta'):
        return request.param, MODELS.build(network(request.param))


@pytest.mark.parametrize(
    ('size', 'v2', 'v3plus'),
    [
        ((321, 321), (41, 41), (41, 41)),
        ((256, 512), (33, 65), (32, 64)),
        ((512, 1024), (65, 129), (64, 128)),
    ],
)
def test_feature_sizes(whole, size, v2, v3plus):
    name, model = whole
    image = torch.empty(2, 3, *size, device='meta')
    features = model.extract_feat(image)
    assert features[-1].shape == (2, 2048, *(v2 if name == V2 else v3plus))
    logits = model.decode_head(features)
    assert logits.shape == (2, 21, *(v2 if name == V2 else features[0].shape[2:]))
    logits = model.encode_decode(image, [dict(img_shape=size)] * 2)
    assert logits.shape == (2, 21, *size)


def test_counts(whole):
    """The numbers of the specification, 1.1, 2.1, 4.1 and 4.2, at 21 classes.

    Those of v2: ResNet-101 without its classifier has 59 344 309 less v3+'s head; each branch of
    the head has 2048 * 9 * 21 weights and 21 biases.
    """
    name, model = whole
    parameters = list(model.parameters())
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert sum(isinstance(m, nn.BatchNorm2d) for m in model.backbone.modules()) == 104
    head = 16_844_149 if name == V3PLUS else 4 * (2048 * 9 * 21 + 21)
    assert sum(p.numel() for p in parameters) == 59_344_309 - 16_844_149 + head
    if name == V2:
        state = model.state_dict().values()
        assert len(norms) == 104
        assert sum(value.is_floating_point() for value in state) == 528 and len(state) == 632
        assert sum(p.requires_grad for p in parameters) == 104 + 4  # two of four branches
    else:
        assert len(norms) == 104 + 9
        assert sum(p.requires_grad for p in parameters) == len(parameters) == 341


def statistics(module):
    return {k: v.clone() for k, v in module.state_dict().items() if 'running' in k}


@pytest.mark.parametrize('name', [V2, V3PLUS])
def test_train_mode(name):
    """Specification 1.2: frozen statistics, active dropout, in student and teacher alike."""
    torch.manual_seed(0)
    model = MODELS.build(cutmix(narrow(name), threshold=0)).train()
    networks = (model.student, model.teacher)
    before = [statistics(net) for net in networks]
    total, _ = model.parse_losses(model.loss(*batch(num_classes=4, views=VIEWS)))
    total.backward()
    for net, old in zip(networks, before, strict=True):
        assert net.training and net.decode_head.training
        changed = {key for key, value in statistics(net).items() if not value.equal(old[key])}
        assert changed == {key for key in old if key.startswith('decode_head')}
        assert bool(changed) == (name == V3PLUS)
    for module in model.student.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert [p.requires_grad for p in module.parameters()] == [name == V3PLUS] * 2
    # distributed training would stop at a trained parameter without a gradient
    assert all((p.grad is not None) == p.requires_grad for p in model.student.parameters())
    assert all(p.grad is None for p in model.teacher.parameters())

    image = torch.randn(2, 3, 33, 33)
    for net in networks:
        with torch.no_grad():
            first, second = (model.segment(net, image) for _ in range(2))
        assert torch.equal(first, second) == (name == V2), 'dropout'
    with torch.no_grad():
        evaluated = model.eval().segment(model.teacher, image)
    if name == V2:  # nothing to tell the modes apart
        assert torch.equal(evaluated, second)
