"""Consecutive CorrMatch training steps in float64 against the reference's own numbers.

Network, losses, optimiser and schedule are those of the leaf for 92 labels of Pascal VOC, with
ResNet-50 for 101. Everything random is injected: map positions, channel dropout and CutMix boxes.
Compared are losses, threshold, labels, filters, region maps, gradients, BN statistics, rates and
updated parameters; `pytest -rP` shows the largest error of each.
"""

import copy
import json
import re
import zlib
from collections import defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.structures import PixelData
from mmseg.registry import MODELS, PARAM_SCHEDULERS
from mmseg.structures import SegDataSample

from mmseg_plugins.benchmark import plain_corrmatch
from mmseg_plugins.box_policies.base_box import BaseBox
from mmseg_plugins.checkpoints.names import CORRMATCH, rename
from mmseg_plugins.heads import correlation_head
from mmseg_plugins.segmentors import corrmatch as module

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / 'tests/data/golden/corrmatch'
LEAF = ROOT / 'configs/corrmatch/corrmatch_deeplabv3plus-r101_4xb2u2_voc_classic_92-321.py'
CLASSES, POSITIONS = 21, 9 * 9

# golden loss: (our key, its weight in the total)
LOSSES = {
    'loss_sup': ('sup.decode.loss_ce', 0.25),
    'loss_sup_corr': ('sup.corr.loss_ce', 0.25),
    'loss_strong_hard': ('unsup.loss_hard', 0.125),
    'loss_strong_kl': ('unsup.loss_kl', 0.125),
    'loss_fp': ('unsup.loss_fp', 0.125),
    'loss_corr_strong': ('unsup.loss_corr_strong', 0.0625),
    'loss_corr_weak': ('unsup.loss_corr_weak', 0.0625),
}


class GivenBox(BaseBox):
    """The rectangles of the golden box masks."""

    boxes = None

    def draw(self, num, size, rng):
        return self.boxes


def our_name(official: str) -> str:
    return rename(official, CORRMATCH)


@cache
def leaf() -> Config:
    return Config.fromfile(LEAF)


def build_model(dropout: bool = True, kind: str = 'CorrMatch') -> torch.nn.Module:
    cfg = copy.deepcopy(leaf().model)
    cfg.type = kind
    cfg.student.backbone.update(depth=50, init_cfg=None)
    if not dropout:
        cfg.perturb_ratio = cfg.correlation.dropout_ratio = 0.0
    cfg.thresh_init = 0.52
    return revert_sync_batchnorm(MODELS.build(cfg))


@cache
def manifest() -> dict:
    return json.loads((COMMITTED / 'weights_manifest.json').read_text())


@cache
def weights() -> dict[str, torch.Tensor]:
    """The manifest's weights under our names."""
    state = {}
    for tensor in manifest()['tensors']:
        name, kind, shape = tensor['name'], tensor['kind'], tensor['shape']
        seed = zlib.crc32((manifest()['prefix'] + name).encode())
        z = np.random.RandomState(seed).standard_normal(shape)
        if kind == 'conv_w':
            z *= np.sqrt(manifest()['gains'].get(name, 2.0) / np.prod(shape[1:]))
        else:
            rules = dict(conv_b=0.05 * z, bn_w=1 + 0.1 * z, bn_w_last=0.3 * (1 + 0.1 * z))
            rules.update(bn_b=0.1 * z, bn_rm=0.1 * z, bn_rv=1 + 0.1 * np.abs(z))
            z = rules[kind]
        z = z.astype(np.float32)
        assert zlib.crc32(z.tobytes()) == tensor['crc32_f32'], name
        state[our_name(name)] = torch.from_numpy(z)
    return state


def images(inputs, step: int, dtype: torch.dtype) -> tuple[dict, dict]:
    """The golden views of one step and samples with their masks."""
    views = dict(sup=('img_x', 'mask_x'))
    for partner in ('', '_mix'):
        for view, letter in (('weak', 'w'), ('strong', 's')):
            views[f'unsup_{view}{partner}'] = f'img_u_{letter}{partner}', f'ignore_mask{partner}'
    tensors, samples = {}, {}
    for view, (image, mask) in views.items():
        tensors[view] = torch.from_numpy(inputs[f'in.{image}'][step]).to(dtype)
        masks = torch.from_numpy(inputs[f'in.{mask}'][step].astype(np.int64))
        samples[view] = [SegDataSample(gt_sem_seg=PixelData(data=m[None])) for m in masks]
    return tensors, samples


def rectangles(masks: np.ndarray) -> np.ndarray:
    boxes = np.zeros((len(masks), 4), dtype=np.int64)
    for box, mask in zip(boxes, masks, strict=True):
        if mask.any():
            where = np.argwhere(mask)
            box[:] = [*where.min(axis=0), *(where.max(axis=0) + 1)]
            assert mask.sum() == np.prod(box[2:] - box[:2]), 'not a rectangle'
    return boxes


def record(monkeypatch) -> dict:
    """Record what passes between the parts of a step."""
    seen = {}
    forward_views, receive = module.CorrMatch.forward_views, module.receive_regions
    send = module.send_regions
    binary_maps = correlation_head.binary_maps

    def spy_maps(rows, feature_size, size):
        if len(rows):
            seen.update(rows=rows.unflatten(2, feature_size))
        return binary_maps(rows, feature_size, size)

    def spy_views(self, inputs):
        views = forward_views(self, inputs)
        seen['views'] = dict(views)
        return views

    def spy_send(label, confident, maps, threshold, num_classes, allowed):
        assert num_classes == CLASSES
        seen.update(lab_m=label, F0=confident, maps=maps & allowed[:, None])
        return send(label, confident, maps, threshold, num_classes, allowed)

    def spy_receive(sent):
        seen['lab_p'], seen['F1'] = receive(sent)
        return seen['lab_p'], seen['F1']

    monkeypatch.setattr(module.CorrMatch, 'forward_views', spy_views)
    monkeypatch.setattr(module, 'send_regions', spy_send)
    monkeypatch.setattr(module, 'receive_regions', spy_receive)
    monkeypatch.setattr(correlation_head, 'binary_maps', spy_maps)
    return seen


def record_plain(monkeypatch) -> dict:
    """The same of the transcription."""
    seen = {}
    forward_views = plain_corrmatch.PlainCorrMatch.forward_views
    binarise, propagate = plain_corrmatch.binarise_plainly, plain_corrmatch.propagate_plainly

    def spy_maps(rows, size):
        if 'rows' not in seen:  # of the joint pass, in which the labelled images come first
            seen.update(rows=rows.chunk(2)[1])
        return binarise(rows, size)

    def spy_views(self, inputs):
        seen.pop('rows', None)
        views = forward_views(self, inputs)
        seen['views'] = dict(views)
        return views

    def spy_propagate(label, confident, maps, threshold):
        seen.update(lab_m=label, F0=confident, maps=maps)
        seen['lab_p'], seen['F1'] = propagate(label, confident, maps, threshold)
        return seen['lab_p'], seen['F1']

    monkeypatch.setattr(plain_corrmatch.PlainCorrMatch, 'forward_views', spy_views)
    monkeypatch.setattr(plain_corrmatch, 'propagate_plainly', spy_propagate)
    monkeypatch.setattr(plain_corrmatch, 'binarise_plainly', spy_maps)
    return seen


def inject_sampling(monkeypatch) -> list:
    """Positions are taken from the list that is returned, in the order of the draws."""
    draws = []

    def randint(high, size):
        assert (high, size) == (POSITIONS - 1, (128,))
        return torch.from_numpy(draws.pop(0).astype(np.int64))

    monkeypatch.setattr(torch, 'randint', randint)
    return draws


def inject_dropout(monkeypatch) -> list:
    """Kept channels are taken from the list that is returned, as pairs (ratio, mask)."""
    draws = []

    def dropout2d(x, p=0.5, training=True, inplace=False):
        assert training
        ratio, keep = draws.pop(0)
        assert p == ratio
        return x * torch.from_numpy(keep / (1 - ratio)).to(x)[:, :, None, None]

    monkeypatch.setattr(torch.nn.functional, 'dropout2d', dropout2d)
    return draws


def norms(tensors) -> np.ndarray:
    return np.array([tensor.detach().norm().item() for tensor in tensors])


class Checker:
    """Compares with the golden numbers and remembers the largest error of each kind."""

    def __init__(self):
        self.reached = defaultdict(float)

    def __call__(self, kind, actual, expected, rtol, atol=0.0) -> None:
        actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
        error = np.abs(actual - expected) / (np.abs(expected) if rtol else 1)
        self.reached[kind] = max(self.reached[kind], float(error.max()))
        np.testing.assert_allclose(actual, expected, rtol, atol, err_msg=kind)


def check_forward(check: Checker, seen: dict, golden: dict, step: int, rtol: float) -> None:
    """Logits, maps, labels and filters."""
    views = seen['views']
    outputs = dict(logits_w='unsup_weak', logits_fp='unsup_fp', logits_mix='unsup_weak_mix')
    outputs.update(corr_x='sup_corr', corr_w='unsup_corr')
    for key, view in outputs.items():
        check('logits', views[view].double().abs().sum().item(), golden[f'abs.{key}'][step], rtol)
    for key in ('lab_m', 'lab_p', 'F0', 'F1'):
        np.testing.assert_array_equal(seen[key].numpy(), golden[key][step], err_msg=key)
    maps = views['maps'].numpy()
    expected = np.unpackbits(golden['maps_weak_packed'][step], axis=-1, count=maps.shape[-1])
    ties = np.argwhere(maps != expected.astype(bool))
    # Halfway between a row's largest and smallest position the resized row lies exactly on the
    # threshold, and the rounding of the network before it (threads, processor) puts the pixel on
    # either side. Every other pixel is equal.
    for image, k, row, column in ties:
        resized = torch.nn.functional.interpolate(
            seen['rows'][image, k][None, None], maps.shape[2:], mode='bilinear', align_corners=True
        )
        low, high = resized.aminmax()
        check('ties', ((resized[0, 0, row, column] - low) / (high - low)).item(), 0.5, rtol)
    assert len(ties) <= 32
    assert np.abs(seen['maps'].sum((2, 3)).numpy() - golden['n_map'][step]).sum() <= len(ties)
    check.reached['tie pixels'] = max(check.reached['tie pixels'], len(ties))


@pytest.mark.parametrize('kind', ['CorrMatch', 'PlainCorrMatch'])
def test_first_step(kind, monkeypatch):
    train_like_the_reference('dropmask', 1, monkeypatch, kind)


def test_first_step_in_float32(monkeypatch):
    train_like_the_reference('float32', 1, monkeypatch)


# The second takes a minute; `make test-golden` runs it, as CI does.
@pytest.mark.parametrize('name', ['plain', pytest.param('dropmask', marks=pytest.mark.slow)])
def test_consecutive_steps(name, monkeypatch):
    train_like_the_reference(name, 3, monkeypatch)


def train_like_the_reference(name: str, steps: int, monkeypatch, kind: str = 'CorrMatch') -> None:
    inputs = np.load(COMMITTED / 'step_inputs.npz')
    golden = dict(np.load(COMMITTED / f'step_{name}.npz'))
    with_dropout, check = 'drop_c1' in golden, Checker()
    dtype = torch.float32 if name == 'float32' else torch.float64
    # Relative errors allowed. In float32 the reference's own gradients are 2e-4, its parameters
    # 1e-4 off what it gets in float64.
    rtol = dict(loss=1e-7, gradient=1e-6, parameter=1e-8, statistic=1e-8)
    if name == 'float32':
        rtol = dict(loss=1e-5, gradient=5e-4, parameter=5e-4, statistic=1e-5)

    model = build_model(with_dropout, kind).train()
    keys = model.load_state_dict(weights(), strict=False)
    assert not keys.unexpected_keys
    assert all(re.search('num_batches|^threshold$', key) for key in keys.missing_keys)
    model.to(dtype)
    model.threshold.fill_(0.52)  # exactly: so far it is 0.52 rounded to float32
    model.box = GivenBox()

    parameters, buffers = dict(model.named_parameters()), dict(model.named_buffers())
    tops = defaultdict(list)
    for official in manifest()['param_order']:
        tops[official.split('.')[0]].append(parameters[our_name(official)])
    assert sum(map(len, tops.values())) == len(parameters)
    wrapper = build_optim_wrapper(model, copy.deepcopy(leaf().optim_wrapper))
    end = manifest()['total_iters'] + 2  # as the leaf has it for its own number
    scheduler = PARAM_SCHEDULERS.build(
        dict(leaf().param_scheduler, end=end), default_args=dict(optimizer=wrapper)
    )

    sampled = inject_sampling(monkeypatch)
    dropped = inject_dropout(monkeypatch) if with_dropout else []
    seen = record(monkeypatch) if kind == 'CorrMatch' else record_plain(monkeypatch)
    for step in range(steps):
        sampled += [golden['idx_weak'][step], golden['idx_strong'][step]]
        if with_dropout:
            dropped += [(0.5, golden[f'drop_c{level}'][step]) for level in (1, 4)]
            dropped += [(0.1, golden[f'drop_proj_{view}'][step]) for view in ('weak', 'strong')]
        model.box.boxes = rectangles(inputs['in.cutmix_box'][step])
        rates = {p: group['lr'] for group in wrapper.param_groups for p in group['params']}
        for top, members in tops.items():
            expected = golden['lr'][step][0 if top == 'backbone' else 1]
            check('rates', [rates[p] for p in members], expected, 1e-12)

        losses = model.loss(*images(inputs, step, dtype))
        total, _ = model.parse_losses(losses)
        wrapper.zero_grad()
        total.backward()
        gradients = [
            np.linalg.norm(norms(p.grad for p in tops[t])) for t in manifest()['top_order']
        ]
        wrapper.step()
        scheduler.step()

        assert not sampled and not dropped, 'every recorded draw is used'
        for key, (ours, weight) in LOSSES.items():
            check('losses', losses[ours].item() / weight, golden[key][step], rtol['loss'])
        check('losses', total.item(), golden['loss_total'][step], rtol['loss'])
        tau_atol = 1e-6 if name == 'float32' else 1e-9
        check('threshold', model.threshold.item(), golden['tau'][step], 0, tau_atol)
        check_forward(check, seen, golden, step, rtol['loss'])
        check('gradients', gradients, golden['gradnorm_top'][step], rtol['gradient'])
        after = norms(parameters[our_name(key)] for key in manifest()['param_order'])
        check('parameters', after, golden['paramnorm_after'][step], rtol['parameter'])
        statistics = norms(buffers[our_name(key)] for key in manifest()['bn_buffer_order'])
        check('BN statistics', statistics, golden['bn_l2'][step], rtol['statistic'])
    print('largest errors:', dict(check.reached))


@pytest.mark.parametrize('depth, backbone, total', [(50, 23.632, 45.206), (101, 42.624, 64.198)])
def test_parameter_counts(depth, backbone, total):
    """Millions of parameters of the config's network with 21 classes, specification 1.1."""
    cfg = Config.fromfile(ROOT / 'configs/_base_/networks/deeplabv3plus-r101.py')
    cfg.network.backbone.depth = depth
    cfg.network.decode_head.num_classes = cfg.correlation.num_classes = CLASSES
    with torch.device('meta'):
        model = MODELS.build(
            dict(type='CorrMatch', student=cfg.network, correlation=cfg.correlation)
        )
    head, correlation = model.student.decode_head, model.correlation
    counts = {
        backbone: model.student.backbone,
        15.535: torch.nn.ModuleList([head.aspp, head.image_pool, head.bottleneck]),
        0.0124: head.c1_bottleneck,
        1.291: head.fusion,
        0.0054: head.conv_seg,
        0.0108: torch.nn.ModuleList([correlation.row, correlation.column]),
        4.719: correlation.projection,
        total: model,
    }
    for count, part in counts.items():
        digits = len(str(count).split('.')[1])
        assert round(sum(p.numel() for p in part.parameters()) / 1e6, digits) == count
