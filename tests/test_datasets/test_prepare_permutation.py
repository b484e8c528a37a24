"""Pickled permutations are read without executing anything."""

import os
import pickle

import numpy as np
import pytest

from mmseg_plugins.datasets.prepare.permutation import parse_permutation
from mmseg_plugins.errors import UserError

ORDER = np.random.RandomState(0).permutation(10)


@pytest.mark.parametrize('protocol', range(5))
def test_integer_arrays(protocol):
    for dtype in ('i8', 'i4', 'u2', '>i4'):
        content = pickle.dumps(ORDER.astype(dtype), protocol)
        assert parse_permutation(content, 10, 'file').tolist() == ORDER.tolist()
    # numpy 1 kept this function in another module; the published file names it
    content = pickle.dumps(ORDER, 0).replace(b'numpy._core.multiarray', b'numpy.core.multiarray')
    assert parse_permutation(content, 10, 'file').tolist() == ORDER.tolist()


class Evil:
    def __reduce__(self):
        return os.mkdir, ('executed',)


@pytest.mark.parametrize(
    'value, message',
    [
        (Evil(), r'not a pickled integer array \(it holds posix\.mkdir\)'),
        ([Evil()], r'it holds posix\.mkdir'),
        (np.array([Evil(), 1], dtype=object), r'it holds posix\.mkdir'),
        (np.array([3, None], dtype=object), 'but a 1-dimensional array of object'),
        (ORDER.tolist(), 'but a list'),
        (dict(order=ORDER), 'but a dict'),
        (ORDER.astype(float), 'but a 1-dimensional array of float64'),
        (ORDER.reshape(2, 5), 'but a 2-dimensional array of int64'),
        (ORDER[:9], '9 indices for a list of 10 ids'),
        (np.where(ORDER == 3, 4, ORDER), 'index 4 is repeated'),
        (ORDER + 1, r'index 10 outside 0\.\.9'),
        (ORDER - 1, r'index -1 outside 0\.\.9'),
    ],
)
def test_anything_else_is_refused(tmp_path, monkeypatch, value, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message) as caught:
        parse_permutation(pickle.dumps(value, 2), 10, 'o/split_0.pkl')
    assert str(caught.value).startswith('o/split_0.pkl: ') and '\n' not in str(caught.value)
    assert not (tmp_path / 'executed').exists()


@pytest.mark.parametrize('content', [b'', b'no pickle\n', pickle.dumps(ORDER)[:40]])
def test_broken_files(content):
    with pytest.raises(UserError, match='split_0.pkl: not a pickled integer array'):
        parse_permutation(content, 10, 'split_0.pkl')
