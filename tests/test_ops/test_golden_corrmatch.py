"""CorrMatch ops against numbers measured from the reference."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmseg_plugins.ops.correlation import binary_maps, correlation_matrix, propagate_logits
from mmseg_plugins.ops.propagation import propagate_regions
from mmseg_plugins.ops.threshold import mean_class_maximum

REGION_CASES = [
    'smooth',
    'rects_overlap',
    'tau0',
    'ties_low_tau',
    'empty_ignored',
    'edges_chain',
    'real128',
    'real128_tau0.7',
]


@pytest.mark.parametrize('case', REGION_CASES)
def test_region_propagation(golden, case):
    data = golden('corrmatch/region_propagation')
    array = {key: data[f'{case}.{key}'] for key in ('lab_m', 'maps_m', 'F0', 'tau', 'lab_p', 'F1')}
    label, passed = propagate_regions(
        torch.from_numpy(array['lab_m'].astype(np.int64)),
        torch.from_numpy(array['maps_m'].astype(bool)),
        torch.from_numpy(array['F0'].astype(bool)),
        torch.tensor(float(array['tau'])),
    )
    np.testing.assert_array_equal(label.numpy(), array['lab_p'])
    np.testing.assert_array_equal(passed.numpy(), array['F1'].astype(bool))


@pytest.mark.parametrize(
    'name, init, momentum',
    [('tau_init0.85', 0.85, 0.001), ('tau_init0', 0.0, 0.001), ('tau_momentum0.9', 0.85, 0.1)],
)
def test_threshold(golden, name, init, momentum):
    from mmseg_plugins.segmentors import CorrMatch

    data = golden('corrmatch/thresh')

    class Owner:  # the update alone, without a network
        threshold, thresh_momentum = torch.tensor(init), momentum

    for step, expected in enumerate(data[name]):
        logits = torch.from_numpy(data['pred'][step])
        valid = torch.from_numpy(data['ignore'][step]) != 255
        CorrMatch.update_threshold(Owner, logits, valid)
        assert Owner.threshold.item() == pytest.approx(expected, abs=1e-6), step
        mean = mean_class_maximum(logits, valid).item()
        assert mean == pytest.approx(data['class_mean'][step], abs=1e-6, nan_ok=True)


def test_correlation(golden):
    data = golden('corrmatch/corr_module_subset')
    array = {
        key.removeprefix('c21odd.'): torch.from_numpy(data[key]).double()
        for key in data
        if key.startswith('c21odd')
    }
    leaves = {key: array[key].clone().requires_grad_() for key in ('w1', 'b1', 'w2', 'b2')}
    matrix = correlation_matrix(
        F.conv2d(array['feat'], leaves['w1'], leaves['b1']),
        F.conv2d(array['feat'], leaves['w2'], leaves['b2']),
    )
    size, feature_size = array['logits'].shape[2:], array['feat'].shape[2:]
    small = F.interpolate(array['logits'], feature_size, mode='bilinear', align_corners=True)
    out = propagate_logits(small, matrix)
    torch.testing.assert_close(out, array['out_f64'], rtol=1e-9, atol=1e-9)

    (out * array['gout']).sum().backward()
    for key in leaves:
        gradient = array[f'g{key}_f64'].view_as(leaves[key])
        torch.testing.assert_close(leaves[key].grad, gradient, rtol=1e-7, atol=1e-9)

    maps = binary_maps(matrix.detach()[:, array['idx'].long()], tuple(feature_size), tuple(size))
    assert torch.equal(maps, array['map_f64'].bool())


def test_constant_maps_are_empty(golden):
    data = golden('corrmatch/corr_module_subset')
    features = torch.from_numpy(data['c21const.feat'])
    factors = [
        F.conv2d(features, *(torch.from_numpy(data[f'c21const.{k}{i}']) for k in 'wb'))
        for i in (1, 2)
    ]
    matrix = correlation_matrix(*factors)
    idx = torch.from_numpy(data['c21const.idx'])
    maps = binary_maps(matrix[:, idx], (4, 4), (25, 25))
    assert not maps.any() and not data['c21const.map_f64'].any()
