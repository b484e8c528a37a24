"""CorrMatch ops against numbers measured from the reference."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmseg_plugins.ops.correlation import binary_maps, correlation_matrix, propagate_logits
from mmseg_plugins.ops.propagation import propagate_regions
from mmseg_plugins.ops.pseudo_label import hard_label
from mmseg_plugins.ops.threshold import class_maxima, mean_of_maxima

SHARED = 'shared/golden/corrmatch/corr_module.npz'
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
        torch.from_numpy(array['F0'].astype(bool)),
        torch.from_numpy(array['maps_m'].astype(bool)),
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
        ends_step, maxima = True, None

    for step, expected in enumerate(data[name]):
        logits = torch.from_numpy(data['pred'][step])
        valid = torch.from_numpy(data['ignore'][step]) != 255
        label, confidence = hard_label(logits)
        Owner.student = SimpleNamespace(out_channels=logits.size(1))
        CorrMatch.update_threshold(Owner, dict(label=label, confidence=confidence), valid)
        assert Owner.threshold.item() == pytest.approx(expected, abs=1e-7), step
        mean = mean_of_maxima(class_maxima(label, confidence, valid, logits.size(1))).item()
        assert mean == pytest.approx(data['class_mean'][step], abs=1e-7, nan_ok=True)


@pytest.mark.parametrize('case', ['c21', 'c19', 'c21odd', 'c21const'])
def test_correlation(golden, root, case):
    """c19: the committed logits are at feature size, where 8 m + 1 pixels are sampled exactly."""
    data, path = golden('corrmatch/corr_module_subset'), root.parent / SHARED
    if case == 'c21':
        if not path.is_file():
            pytest.skip('the reference golden files are not there')
        data = np.load(path)
    array = {
        key.removeprefix(f'{case}.'): torch.from_numpy(data[key])
        for key in data
        if key.startswith(f'{case}.')
    }
    names = ['feat', 'w1', 'b1', 'w2', 'b2']
    leaves = {name: array[name].double().requires_grad_() for name in names}
    matrix = correlation_matrix(
        F.conv2d(leaves['feat'], leaves['w1'], leaves['b1']),
        F.conv2d(leaves['feat'], leaves['w2'], leaves['b2']),
    )
    feature_size, logits = tuple(array['feat'].shape[2:]), array['logits'].double()
    small = F.interpolate(logits, feature_size, mode='bilinear', align_corners=True)
    out = propagate_logits(small, matrix)
    close = dict(rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(out, array['out_f64'], **close)

    (out * array['gout']).sum().backward()
    for name, leaf in leaves.items():
        expected, grad = array[f'g{name}_f64'], leaf.grad
        if name == 'feat' and case != 'c21':
            grad = grad[:, ::8]  # what is committed
        torch.testing.assert_close(grad.view_as(expected), expected, **close)

    expected = data[f'{case}.map_f64']
    if case != 'c21':
        width = dict(c19=81, c21odd=90, c21const=25)[case]
        expected = np.unpackbits(expected, axis=-1, count=width)
    rows = matrix.detach()[:, array['idx'].long()]
    maps = binary_maps(rows, feature_size, expected.shape[2:])
    np.testing.assert_array_equal(maps.numpy(), expected.astype(bool))
    assert maps.any() == (case != 'c21const')  # a constant row gives an empty map
