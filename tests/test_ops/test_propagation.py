"""Region propagation against its plain sequential definition."""

import ctypes
import re
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from region_scenes import region_scene

from mmseg_plugins.benchmark.plain_propagation import propagate_plainly
from mmseg_plugins.ops import propagation
from mmseg_plugins.ops.propagation import propagate_regions, send_regions


def rectangles(rng, num, size):
    """Rectangles that overlap, some of them empty, some repeated."""
    masks = np.zeros((num, *size), dtype=bool)
    for mask in masks:
        top, left = rng.randint(0, size[0] + 1), rng.randint(0, size[1] + 1)
        mask[top : top + rng.randint(1, size[0] + 1), left : left + rng.randint(1, size[1] + 1)] = 1
    return masks[rng.randint(0, num, num)]


def chain(rng, num, size):
    """Windows that slide along the pixels, so that each decision hangs on the one before."""
    position, pixels = np.arange(np.prod(size)), np.zeros((num, np.prod(size)), dtype=bool)
    width, step = rng.randint(2, 12), rng.randint(1, 4)
    for k, mask in enumerate(pixels):
        mask[(position >= k * step) & (position < k * step + width)] = True
    return pixels.reshape(num, *size)


def scattered(rng, num, size):
    """Single pixels, from none to all."""
    return rng.uniform(size=(num, *size)) < rng.uniform(-0.2, 1.2, (num, 1, 1))


@st.composite
def cases(draw):
    """Small images with few classes in blocks, so that ties and exact shares are frequent."""
    rng = np.random.RandomState(draw(st.integers(0, 2**32 - 1)))
    num, size = draw(st.integers(1, 2)), (draw(st.integers(1, 12)), draw(st.integers(1, 15)))
    num_maps, num_classes = draw(st.integers(1, 24)), draw(st.integers(2, 21))
    shape = draw(st.sampled_from([rectangles, chain, scattered]))
    block = draw(st.integers(1, 4))
    labels = rng.randint(0, draw(st.integers(1, num_classes)), (num, *size))
    labels = labels.repeat(block, 1).repeat(block, 2)[:, : size[0], : size[1]]
    share = draw(st.sampled_from([0.0, 0.3, 0.8, 1.0]))
    confident = rng.uniform(size=labels.shape) < share
    ignored = rng.uniform(size=(num, 1, 1, 1)) < draw(st.sampled_from([0.0, 0.5, 1.0]))
    regions = np.stack([shape(rng, num_maps, size) for _ in range(num)]) & ~ignored
    fraction = st.builds(lambda a, b: min(a, b) / max(a, b), *[st.integers(1, 12)] * 2)
    threshold = draw(st.one_of(st.sampled_from([0.0, 0.2, 0.5, 1.0]), fraction, st.floats(0, 1)))
    tensors = (torch.from_numpy(array) for array in (labels, confident, regions))
    return *tensors, threshold, num_classes


@settings(max_examples=400, deadline=None, database=None)
@given(cases(), st.booleans(), st.booleans())
def test_equals_the_definition(case, as_tensor, count_given):
    *inputs, threshold, num_classes = case
    before = [tensor.clone() for tensor in inputs]
    given_threshold = torch.tensor(threshold) if as_tensor else threshold
    ours = propagate_regions(*inputs, given_threshold, num_classes if count_given else None)
    for actual, expected in zip(ours, propagate_plainly(*inputs, threshold), strict=True):
        assert actual.dtype == expected.dtype and torch.equal(actual, expected)
    for tensor, copy, result in zip(inputs, before, [*ours, None], strict=True):
        assert torch.equal(tensor, copy), 'an argument was modified'
        assert result is None or result.data_ptr() != tensor.data_ptr()


@settings(max_examples=100, deadline=None, database=None)
@given(cases(), st.booleans(), st.booleans())
def test_packing_on_a_device(case, as_tensor, cut):
    """The way from another device, taken on this one: what arrives is what is packed here."""
    labels, confident, regions, threshold, _ = case
    given_threshold = torch.tensor(threshold) if as_tensor else threshold
    allowed = torch.rand(confident.shape) < 0.7 if cut else torch.ones_like(confident)
    images = [x.flatten(2) for x in (confident[:, None], regions, allowed[:, None])]
    tau = torch.as_tensor(given_threshold, dtype=torch.float32)
    for dtype, num_classes in ((torch.uint8, 256), (torch.int32, 300)):
        here = send_regions(labels, confident, regions, given_threshold, num_classes, allowed)
        there = propagation.SentRegions(confident, labels.to(dtype), dtype)
        there = propagation._pack_there(there, zip(*images, strict=True), tau)
        (narrow, words, limit), (expected, expected_words, _) = map(
            propagation._unpack, (there, here)
        )
        assert torch.equal(narrow, expected) and narrow.dtype == dtype
        assert limit == np.float32(threshold) == here.tau
        for actual, packed in zip(words, expected_words, strict=True):
            for a, b in zip(actual, packed, strict=True):
                np.testing.assert_array_equal(a, b)
        ours = propagation.receive_regions(there)
        plain = propagate_plainly(labels, confident, regions & allowed[:, None], threshold)
        assert all(map(torch.equal, ours, plain))


@settings(max_examples=50, deadline=None, database=None)
@given(cases())
def test_regions_end_where_they_must(case):
    labels, confident, regions, threshold, num_classes = case
    allowed = torch.rand(confident.shape) < 0.6
    ours = propagate_regions(labels, confident, regions, threshold, num_classes, allowed)
    plain = propagate_plainly(labels, confident, regions & allowed[:, None], threshold)
    assert all(map(torch.equal, ours, plain))


@pytest.mark.parametrize('num_classes', [256, 300])
def test_many_classes(num_classes):
    torch.manual_seed(0)
    labels = torch.randint(num_classes - 3, num_classes, (1, 9, 9))
    labels[torch.rand(1, 9, 9) < 0.6] = num_classes - 1
    confident, regions = torch.rand(1, 9, 9) < 0.7, torch.rand(1, 20, 9, 9) < 0.2
    for threshold in (0.4, 0.5):  # boards, planes
        ours = propagate_regions(labels, confident, regions, threshold, num_classes)
        plain = propagate_plainly(labels, confident, regions, threshold)
        assert all(map(torch.equal, ours, plain)) and not torch.equal(ours[0], labels)


def test_without_regions():
    labels, confident = (
        torch.zeros(2, 5, 5, dtype=torch.long),
        torch.ones(2, 5, 5, dtype=torch.bool),
    )
    for num, regions in ((2, torch.ones(2, 0, 5, 5)), (0, torch.ones(0, 3, 5, 5))):
        inputs = labels[:num], confident[:num]
        ours = propagate_regions(*inputs, regions.bool(), 0.5)
        assert all(torch.equal(actual, given) for actual, given in zip(ours, inputs, strict=True))


# what a training meets: (share of confident pixels, threshold)
SCENES = dict(early=(0.06, 0.85), middle=(0.5, 0.75), late=(0.8, 0.85), threshold_zero=(0.7, 0.0))


def seconds(*functions) -> list[float]:
    """The fastest of some turns of each, in processor time: other processes disturb it little."""
    times = [[] for _ in functions]
    for _ in range(4):
        for function, taken in zip(functions, times, strict=True):
            start = time.thread_time()
            function()
            taken.append(time.thread_time() - start)
    return list(map(min, times))


def peak_mebibytes(function) -> float:
    """By how much the resident memory of this process grows at most."""
    ctypes.CDLL(None).malloc_trim(0)  # what other tests have freed is not there to be used again
    Path('/proc/self/clear_refs').write_text('5')  # the peak starts anew

    def read(name):
        return int(re.search(rf'{name}:\s+(\d+)', Path('/proc/self/status').read_text())[1])

    before = read('VmRSS')
    function()
    return (read('VmHWM') - before) / 1024


@pytest.mark.slow  # measures time
@pytest.mark.parametrize('name', SCENES)
def test_fast_and_small(name):
    """4 images of 321 x 321 with 128 regions; some 9 to 12 times as fast as the definition."""
    confidence, threshold = SCENES[name]
    inputs = (*region_scene(confidence), torch.tensor(threshold))
    expected = propagate_plainly(*inputs)
    ours = propagate_regions(*inputs, 21)
    assert all(torch.equal(a, b) for a, b in zip(ours, expected, strict=True))
    assert name == 'early' or (expected[0] != inputs[0]).any()
    plain, fast = seconds(
        lambda: propagate_plainly(*inputs), lambda: propagate_regions(*inputs, 21)
    )
    assert plain > 4 * fast, f'{plain / fast:.1f} times as fast'
    print(f'{name}: {1e3 * plain:.0f} ms and {1e3 * fast:.1f} ms, ratio {plain / fast:.1f}')
    if Path('/proc/self/clear_refs').exists():
        fast = peak_mebibytes(lambda: propagate_regions(*inputs, 21))
        plain = peak_mebibytes(lambda: propagate_plainly(*inputs))
        assert fast < plain
        print(f'{name}: {plain:.0f} MiB and {fast:.0f} MiB')


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device')
def test_on_a_gpu():
    """Equal labels and filter; as many waits for the device with 128 regions as with 8."""
    inputs = region_scene(0.8)
    device, threshold = [tensor.cuda() for tensor in inputs], torch.tensor(0.85, device='cuda')
    waits = []
    for num in (8, 128):
        regions = device[2][:, :num].contiguous()
        torch.cuda.set_sync_debug_mode('warn')
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            ours = propagate_regions(*device[:2], regions, threshold, 21)
        torch.cuda.set_sync_debug_mode('default')
        waits.append(len(caught))
        expected = propagate_plainly(*inputs[:2], inputs[2][:, :num], 0.85)
        assert all(torch.equal(a.cpu(), b) for a, b in zip(ours, expected, strict=True))
    assert waits[0] == waits[1] <= 3  # packed bits to the host, labels and filter back
