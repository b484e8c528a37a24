"""What trades exactness for speed: what it may change, and that its leaves train and resume."""

import os
import shutil

import golden_losses
import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.runner import get_priority
from mmseg.registry import HOOKS, MODELS
from resumable import Start, digest, logged, short
from shrink import shrink

from mmseg_plugins.hooks import ChannelsLastHook, MeanTeacherHook
from mmseg_plugins.seeding import seed_all

os.environ.setdefault('TORCHINDUCTOR_COMPILE_THREADS', '1')  # a fork would not have its workers
SIZE = 33
METHODS = {
    'suponly': 'suponly/suponly_deeplabv3plus-r18n_1xb8u0_shapes_12-96.py',
    'cutmix': 'cutmix/cutmix_deeplabv3plus-r18n_1xb8u8_shapes_12-96.py',
    'corrmatch': 'corrmatch/corrmatch_deeplabv3plus-r101_4xb2u2_voc_classic_92-321.py',
    'french v2': 'cutmix/cutmix_deeplabv2-r101_1xb10u10_voc_french_106-321.py',
    'french v3+': 'cutmix/cutmix-colour_deeplabv3plus-r101_1xb10u10_voc_french_106-321.py',
    'cityscapes': 'corrmatch/corrmatch_deeplabv3plus-r101_4xb2u2_cityscapes_cps_186-801.py',
}
SPEED = ('bf16', 'channels_last', 'compile', 'checkpointing', 'batch_partner', 'accumulate')


class Runner:
    """What the hooks ask of one."""

    def __init__(self, model):
        self.model = model


def built(cfg, **changes):
    """The shrunk model of a leaf, from weights that depend on their names only."""
    cfg = shrink(cfg, 'unused')
    cfg.model.update(changes)
    cfg.model.data_preprocessor = None
    model = golden_losses.fill(MODELS.build(cfg.model)).float().train()
    if getattr(model, 'teacher', None) is not None:
        model.teacher_moves = True
    for module in model.modules():
        if isinstance(module, torch.nn.SyncBatchNorm):
            module.__class__ = torch.nn.BatchNorm2d  # on a processor
    return model


def views_of(model, method):
    if method == 'suponly':
        return ['sup']
    return ['sup', 'unsup_weak', 'unsup_strong', 'unsup_weak_mix', 'unsup_strong_mix']


def one_step(model, method, wrapper=None):
    """Losses and gradients of one training step."""
    inputs, samples = golden_losses.batch(views_of(model, method), step=1, size=SIZE)
    inputs = {view: image.float() for view, image in inputs.items()}
    if method == 'suponly':
        inputs, samples = inputs['sup'], samples['sup']
    wrapper = dict(wrapper or dict(type='OptimWrapper'), optimizer=dict(type='SGD', lr=0.01))
    wrapper = build_optim_wrapper(model, wrapper)
    seed_all(0)
    with wrapper.optim_context(model):
        losses = model(inputs, samples, mode='loss')
    total, log = model.parse_losses(losses)
    total.backward()
    gradients = {
        name: p.grad
        for name, p in model.named_parameters()
        if p.requires_grad and p.grad is not None
    }
    return {name: value.detach() for name, value in log.items()}, gradients


def assert_equal_within_rounding(plain, other):
    """Losses and gradients of two steps."""
    for name, value in plain[0].items():
        assert other[0][name].item() == pytest.approx(value.item(), rel=1e-4, abs=1e-6), name
    for name, gradient in plain[1].items():
        scale = gradient.abs().max().clamp(min=1e-6)
        assert (other[1][name] - gradient).abs().max() < 1e-2 * scale, name


# ------------------------------------------------------------------ bfloat16


@pytest.mark.parametrize('method', METHODS)
def test_bf16_is_close_and_reaches_all_weights(method, config):
    options = {}
    if method in ('corrmatch', 'cityscapes'):
        options = dict(thresh_init=0.0)  # so that all terms are there
    plain = one_step(built(config(METHODS[method]), **options), method)
    half = one_step(
        built(config(METHODS[method]), **options), method, dict(type='BFloat16OptimWrapper')
    )
    assert half[1].keys() == plain[1].keys()
    assert all(gradient.dtype == torch.float32 for gradient in half[1].values())
    assert half[0]['loss'] != plain[0]['loss']  # it was half
    for name, value in plain[0].items():
        assert half[0][name].dtype == torch.float32
        if 'acc' not in name:
            assert half[0][name].item() == pytest.approx(value.item(), rel=0.05, abs=2e-3), name


@pytest.mark.parametrize('method', ['cutmix', 'corrmatch'])
def test_bf16_leaves_pseudo_labels_in_float32(method, config, monkeypatch):
    model = built(config(METHODS[method]))
    seen = {}
    for step in ('pseudo_label', 'mix', 'loss_unsup'):
        call = getattr(model, step)

        def watched(*args, step=step, call=call):
            seen[step] = args
            return call(*args)

        monkeypatch.setattr(model, step, watched)
    convolutions = []
    model.student.backbone.register_forward_hook(
        lambda m, i, out: convolutions.append(out[-1].dtype)
    )
    one_step(model, method, dict(type='BFloat16OptimWrapper'))
    assert set(convolutions) == {torch.bfloat16}
    views, (_, targets) = seen['pseudo_label'][0], seen['mix']
    logits = [value for name, value in views.items() if torch.is_tensor(value) and name != 'maps']
    _, target, _ = seen['loss_unsup']
    found = [*logits, *(v for part in (*targets.values(), target) for v in _tensors(part))]
    assert {value.dtype for value in found if value.is_floating_point()} == {torch.float32}
    if method == 'corrmatch':
        assert model.threshold.dtype == torch.float32
        assert target['confidence'].dtype == torch.float32


def _tensors(part):
    for value in part.values():
        yield from _tensors(value) if isinstance(value, dict) else [value]


def test_a_wrapper_that_scales_is_not_needed(config):
    """MMEngine's would refuse this machine, and wait for a GPU once a step."""
    wrapper = dict(type='BFloat16OptimWrapper', optimizer=dict(type='SGD', lr=0.01))
    wrapper = build_optim_wrapper(built(config(METHODS['cutmix'])), wrapper)
    assert not hasattr(wrapper, 'loss_scaler')
    with wrapper.optim_context(torch.nn.Linear(1, 1)):
        assert torch.nn.Linear(1, 1)(torch.ones(1, 1)).dtype == torch.bfloat16


# ------------------------------------------------------------------ checkpointing


@pytest.mark.parametrize('method', ['suponly', 'cutmix', 'corrmatch', 'french v3+'])
def test_checkpointing_changes_nothing(method, config):
    """Losses, gradients and statistics bit by bit, also with dropout."""
    found = []
    for hook in (None, dict(type='CheckpointingHook')):
        model = built(config(METHODS[method]))
        network = getattr(model, 'student', model)
        calls = []
        conv = network.backbone.layer1[0].conv1
        conv.register_forward_hook(lambda *args, calls=calls: calls.append(1))
        if hook:
            HOOKS.build(hook).before_train(Runner(model))
            HOOKS.build(hook).before_train(Runner(model))  # once more does nothing more
        losses, gradients = one_step(model, method)
        found.append((losses, gradients, model.state_dict(), len(calls)))
    plain, checkpointed = found
    # the joint (labelled) and the strong pass have a gradient; CutMix segments with the teacher
    assert checkpointed[3] == plain[3] + (1 if method == 'suponly' else 2)
    for ours, theirs in zip(checkpointed[:3], plain[:3], strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours:
            assert torch.equal(ours[name], theirs[name]), name


@pytest.mark.filterwarnings('ignore:torch.utils.checkpoint')  # mmseg does not say which kind
def test_mmsegs_own_checkpointing_counts_a_batch_twice(config):
    """Why there is a hook: its running statistics are not those of the plain network."""
    statistics = []
    for with_cp in (False, True):
        cfg = config(METHODS['suponly'])
        cfg.model.backbone.with_cp = with_cp
        model = built(cfg)
        one_step(model, 'suponly')
        statistics.append(model.backbone.layer2[0].bn1.num_batches_tracked.item())
    assert statistics == [1, 2]


def test_checkpointing_of_another_backbone(config):
    model = torch.nn.Module()
    model.backbone = torch.nn.Conv2d(1, 1, 1)
    with pytest.raises(Exception, match='CheckpointingHook: Conv2d has no residual blocks'):
        HOOKS.build(dict(type='CheckpointingHook')).before_train(Runner(model))


# ------------------------------------------------------------------ channels last


@pytest.mark.parametrize('method', ['suponly', 'cutmix', 'corrmatch'])
def test_channels_last_is_equal_within_rounding(method, config):
    found, orders, nhwc = [], [], dict(memory_format=torch.channels_last)
    for hook in (None, dict(type='ChannelsLastHook')):
        model = built(config(METHODS[method]))
        network = getattr(model, 'student', model)
        network.backbone.register_forward_hook(
            lambda m, i, out: orders.append(out[-1].is_contiguous(**nhwc))
        )
        if hook:
            HOOKS.build(hook).before_train(Runner(model))
        found.append(one_step(model, method))
    passes = len(orders) // 2
    assert not any(orders[:passes]) and all(orders[passes:])
    assert_equal_within_rounding(*found)


def test_channels_last_comes_before_the_teachers_tensors_are_collected():
    first, second = (get_priority(hook.priority) for hook in (ChannelsLastHook, MeanTeacherHook))
    assert first < second


# ------------------------------------------------------------------ compile


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which('g++') or shutil.which('c++')), reason='needs a C++ compiler')
@pytest.mark.parametrize('method', ['suponly', 'corrmatch'])
def test_compiled_is_equal_within_rounding(method, config):
    found = []
    for hook in (None, dict(type='CompileHook')):
        cfg = config(METHODS[method])
        model = built(cfg, **(dict(perturb_ratio=0.0) if method == 'corrmatch' else {}))
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout | torch.nn.Dropout2d):
                module.p = 0.0  # a compiled part draws other numbers
        names = list(model.state_dict())
        if hook:
            HOOKS.build(hook).before_train(Runner(model))
        losses, gradients = one_step(model, method)
        assert list(model.state_dict()) == names
        found.append((losses, gradients))
    assert_equal_within_rounding(*found)


# ------------------------------------------------------------------ partner in the batch


@pytest.mark.parametrize('method', ['cutmix', 'corrmatch'])
def test_partner_in_the_batch_spares_a_pass(method, config, monkeypatch):
    cfg = config(METHODS[method])
    images = []
    for partner in ('stream', 'batch'):
        model = built(cfg.copy(), box=dict(cfg.model.box, partner=partner))
        count = []
        for network in filter(None, (model.student, model.teacher)):
            network.backbone.register_forward_hook(lambda m, i, out, n=count: n.append(len(i[0])))
        one_step(model, method)
        images.append(sum(count))
    assert images[0] - images[1] == 2  # one of four (CutMix) or five batches of two


def test_a_partner_is_the_next_image_with_its_own_target(config):
    cfg = config(METHODS['corrmatch'])
    model = built(cfg, box=dict(cfg.model.box, partner='batch'))
    inputs, samples = golden_losses.batch(['sup', 'unsup_weak', 'unsup_strong'], 1, size=SIZE)
    inputs = {view: image.float() for view, image in inputs.items()}
    inputs, samples = model.add_partner(inputs, samples)
    views = model.forward_views(inputs)
    assert torch.equal(views['unsup_weak_mix'], views['unsup_weak'].flip(0))  # of two
    assert torch.equal(inputs['unsup_strong_mix'], inputs['unsup_strong'].flip(0))
    targets = model.pseudo_label(views, samples)
    own, partner = targets['unsup_weak'], targets['unsup_weak_mix']
    assert all(torch.equal(own[name].flip(0), partner[name]) for name in own)


# ------------------------------------------------------------------ leaves


def leaf_at(config, tiny_data, monkeypatch, name, work_dir):
    monkeypatch.chdir(tiny_data.parent)
    cfg = config(name)
    ratio = cfg.train_dataloader.sampler.source_ratio
    cfg = short(cfg, work_dir, iters=4, val_interval=2, interval=1)
    assert len(cfg.train_dataloader.sampler.source_ratio) == len(ratio)
    cfg.train_dataloader.dataset.benchmark = 'tiny'
    return cfg


@pytest.mark.parametrize(
    'name',
    [
        *(f'{METHODS["cutmix"]}:{option}' for option in ('bf16',)),
        *(
            f'corrmatch/corrmatch_deeplabv3plus-r18n_1xb8u8_shapes_12-96.py:{option}'
            for option in SPEED
            if option != 'compile'
        ),
        pytest.param(
            'corrmatch/corrmatch_deeplabv3plus-r18n_1xb8u8_shapes_12-96.py:compile',
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_leaf_trains_and_resumes(name, config, tiny_data, tmp_path, monkeypatch, quick):
    path, option = name.split(':')
    path = path.replace('.py', f'-{option}.py')
    whole = leaf_at(config, tiny_data, monkeypatch, path, tmp_path / 'whole')
    assert whole.protocol.speed == option and not whole.protocol.primary
    assert Start(whole).end() == [0], (tmp_path / 'whole/out.txt').read_text()[-2000:]
    parts = leaf_at(config, tiny_data, monkeypatch, path, tmp_path / 'parts')
    first = Start(parts)
    assert first.wait_for(4)
    first.kill()
    assert Start(parts, resume=True).end() == [0], (tmp_path / 'parts/out.txt').read_text()[-2000:]
    assert digest(tmp_path / 'parts', 4) == digest(tmp_path / 'whole', 4)
    assert logged(tmp_path / 'parts') == logged(tmp_path / 'whole')


def test_every_option_has_a_leaf(leaves):
    found = {leaf.protocol['speed'] for leaf in leaves if leaf.speed}
    assert found == set(SPEED)
    assert not any(leaf.protocol['primary'] for leaf in leaves if leaf.speed)
