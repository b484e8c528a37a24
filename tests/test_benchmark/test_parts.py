"""Parts, waits, batches, states and the plain transcription."""

import copy
import pkgutil

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from shrink import shrink
from students import STUDENTS, batch, corrmatch

from mmseg_plugins.benchmark.made_batch import batch_signature, made_batch
from mmseg_plugins.benchmark.measurement import overhead
from mmseg_plugins.benchmark.memory import peak_rise_mib
from mmseg_plugins.benchmark.state import first_gate, set_state
from mmseg_plugins.benchmark.variants import build
from mmseg_plugins.benchmark.waits import count_waits
from mmseg_plugins.errors import UserError
from mmseg_plugins.ops.propagation import propagate_regions
from mmseg_plugins.seeding import seed_all

CPU = torch.device('cpu')
LEAVES = dict(
    corrmatch='corrmatch/corrmatch_deeplabv3plus-r18n_1xb8u8_shapes_12-96.py',
    cutmix='cutmix/cutmix_deeplabv3plus-r18n_1xb8u8_shapes_12-96.py',
    cutout='cutmix/cutout_deeplabv3plus-r18n_1xb8u8_shapes_12-96.py',
    suponly='suponly/suponly_deeplabv3plus-r18n_1xb8u0_shapes_12-96.py',
    voc='corrmatch/corrmatch_deeplabv3plus-r101_4xb2u2_voc_classic_92-321.py',
    french='cutmix/cutmix-colour_deeplabv2-r101_1xb10u10_voc_french_106-321.py',
    scans='cutmix/cutmix_fidnet-n_1xb4u4_scans_4-32x256.py',
)
SIZE = (32, 40)


def trial_of(root, tmp_path, name, changes=(), device=CPU):
    cfg = Config.fromfile(root / 'configs' / LEAVES[name])
    if name != 'scans':  # small as it is
        cfg = shrink(cfg, tmp_path)
    outer = cfg.model.data_preprocessor
    outer.get('data_preprocessor', outer).size = SIZE
    made = made_batch(cfg, SIZE, 2, seed=0)
    return build(cfg, name, iter(lambda: copy.deepcopy(made), None), device, 0, changes), made


@pytest.mark.parametrize('name', LEAVES)
def test_a_step_of_every_method(root, tmp_path, name):
    """The parts that a method has, none of them 0, and as much backward as forward passes."""
    trial, made = trial_of(root, tmp_path, name)
    parts = trial.step(0)
    semi = {'pseudo label', 'losses', 'rest', 'backward', 'strong pass'}
    expected = {
        'suponly': {'labelled pass', 'losses', 'backward', 'rest'},
        'corrmatch': semi | {'partner pass', 'joint pass', 'maps'},
        'voc': semi | {'partner pass', 'joint pass', 'maps'},
        'cutmix': semi | {'weak pass', 'partner pass', 'labelled pass'},
        'french': semi | {'weak pass', 'partner pass', 'labelled pass'},
        'scans': semi | {'weak pass', 'partner pass', 'labelled pass'},
        'cutout': semi | {'weak pass', 'labelled pass'},
    }[name]
    assert set(parts) == expected | {'data', 'optimiser', 'EMA'}
    assert all(seconds > 0 for seconds in parts.values())
    assert trial.log['loss'].isfinite()
    before = {key: value.clone() for key, value in trial.model.named_parameters()}
    assert trial.bare(1) > 0
    for key, value in trial.model.named_parameters():
        assert torch.equal(value, before[key])
        assert value.grad is None
    views = made['inputs'] if isinstance(made['inputs'], dict) else {'sup': made['inputs']}
    for images in views.values():
        real = [image for image in images if image is not None]
        channels = 6 if name == 'scans' else 3
        assert len(real) == 2 and all(x.shape == (channels, *SIZE) for x in real)


def test_steps_are_the_same_step(root, tmp_path):
    """Weights stay, so that a step drawn alike has the same losses; the watch leaves nothing."""
    trial, _ = trial_of(root, tmp_path, 'corrmatch')
    trial.model.thresh_update = False
    attributes = {name for module in trial.model.modules() for name in vars(module)}
    logs = []
    for _ in range(2):
        trial.step(5)
        logs.append({key: float(value) for key, value in trial.log.items()})
    assert logs[0] == pytest.approx(logs[1], rel=1e-4)  # running statistics move
    assert {name for module in trial.model.modules() for name in vars(module)} == attributes


SLOW = 1000  # looks at the clock, of which a step has about a hundred


@pytest.mark.parametrize(
    'name, changes, where, part',
    [
        ('corrmatch', (), 'segmentors.semi_base.hard_label', 'pseudo label'),
        ('corrmatch', (), 'segmentors.semi_base.box_mask', 'pseudo label'),
        ('corrmatch', (), 'segmentors.semi_base.cutmix', 'pseudo label'),
        ('corrmatch', (), 'segmentors.corrmatch.class_maxima', 'pseudo label'),
        ('corrmatch', (), 'ops.propagation._propagate_image', 'pseudo label'),
        ('corrmatch', (), 'ops.propagation.pack', 'pseudo label'),
        ('corrmatch', (), 'heads.correlation_head.binary_maps', 'maps'),
        ('corrmatch', (), 'segmentors.corrmatch.masked_nll', 'losses'),
        ('corrmatch', (), 'segmentors.corrmatch.quiet_losses', 'losses'),
        ('corrmatch', (), 'segmentors.semi_base.check_partner', 'pseudo label'),
        ('corrmatch', (), 'segmentors.corrmatch.CorrMatch.forward_views', 'rest'),
        ('corrmatch', (), 'segmentors.corrmatch.CorrMatch.loss', 'rest'),
        ('corrmatch', ('plain',), 'benchmark.plain_corrmatch.binarise_plainly', 'maps'),
        ('corrmatch', ('plain',), 'benchmark.plain_corrmatch.propagate_plainly', 'pseudo label'),
        ('cutmix', (), 'segmentors.semi_base.cutmix', 'pseudo label'),
        ('cutmix', (), 'losses.consistency_loss.ConsistencyLoss.forward', 'losses'),
        ('cutmix', (), 'losses.consistency_loss.ConsistencyLoss.read', 'losses'),
        ('cutmix', (), 'hooks.mean_teacher_hook.MeanTeacherHook.after_train_iter', 'EMA'),
    ],
)
def test_time_is_found_where_it_is_lost(root, tmp_path, monkeypatch, name, changes, where, part):
    """A function that dawdles shows in its part, and as overhead unless that is apart."""
    where, calls, now = f'mmseg_plugins.{where}', [], [0]
    function = pkgutil.resolve_name(where)

    def clock():  # of its own, so that a busy machine changes nothing
        now[0] += 1
        return now[0]

    def dawdle(*args, **kwargs):
        if not calls:
            now[0] += SLOW
        calls.append(1)
        return function(*args, **kwargs)

    trial, _ = trial_of(root, tmp_path, name, changes)
    trial.timeline.clock = clock
    before = trial.step(0)
    monkeypatch.setattr(where, dawdle)
    after = trial.step(0)
    assert calls
    assert after == {**before, part: before.get(part, 0) + SLOW}
    assert (overhead(after) > overhead(before)) == (part != 'EMA')


def test_channels_last_is_the_runs_own(root, tmp_path):
    trial, _ = trial_of(root, tmp_path, 'corrmatch', ['channels-last'])
    weights = [p for p in trial.model.parameters() if p.dim() == 4 and p.size(1) > 1 < p.size(3)]
    assert weights and all(p.is_contiguous(memory_format=torch.channels_last) for p in weights)


def test_batches_are_seeded(root):
    cfg = Config.fromfile(root / 'configs' / LEAVES['corrmatch'])
    one, same, other = (batch_signature(made_batch(cfg, SIZE, 2, seed)) for seed in (0, 0, 1))
    assert one == same != other and len(one['unsup_strong_mix']) == 2
    sup = made_batch(cfg, SIZE, 2, 0)['data_samples']['sup']
    labels = torch.cat([sample.gt_sem_seg.data for sample in sup if sample is not None])
    assert set(labels.unique().tolist()) <= {0, 1, 2, 3, 4, 5, 255} and len(labels.unique()) > 3
    cfg.model.student.decode_head.num_classes = 19
    relabelled = batch_signature(made_batch(cfg, SIZE, 2, 0))
    assert relabelled['unsup_weak'] == one['unsup_weak'] and relabelled['sup'] != one['sup']
    cfg.train_dataloader.dataset.pop('streams')
    with pytest.raises(UserError, match='no streams to make a batch of; measure it on its data'):
        made_batch(cfg, SIZE, 2, 0)


@pytest.mark.parametrize('name', ['corrmatch', 'cutmix'])
@pytest.mark.parametrize('changes', [(), ('plain',)])
def test_states_reach_their_gates(root, tmp_path, name, changes):
    if name == 'cutmix' and changes:
        pytest.skip('CutMix has no transcription')
    trial, _ = trial_of(root, tmp_path, name, changes)
    assert set_state(trial, 'active') >= 0.5
    assert set_state(trial, 'idle') == 0
    assert set_state(trial, 'active') >= 0.5


def test_states_that_cannot_be(root, tmp_path):
    trial, _ = trial_of(root, tmp_path, 'suponly')
    with pytest.raises(
        UserError, match='suponly trains EncoderDecoder, which has no pseudo labels'
    ):
        set_state(trial, 'active')
    trial, _ = trial_of(root, tmp_path, 'corrmatch')
    trial.model.thresh_update = False
    trial.model.threshold.fill_(0)
    with pytest.raises(UserError, match='idle: .*% pass the gate at any scale of the classifier'):
        set_state(trial, 'idle')


def test_the_first_gate():
    confident = torch.zeros(1, 4, 4, dtype=torch.bool)
    confident[0, 0] = True
    regions = torch.zeros(1, 4, 4, 4, dtype=torch.bool)
    regions[0, 0, :2] = True  # half of it is confident
    regions[0, 1, 1:] = True  # nothing
    regions[0, 2, 0] = True  # all; 3 is empty
    assert first_gate(confident, regions, 0.5).tolist() == [[True, False, True, False]]
    assert first_gate(confident, regions, 0.6).tolist() == [[False, False, True, False]]
    allowed = torch.zeros(1, 4, 4, dtype=torch.bool)
    assert not first_gate(confident, regions, 0.0, allowed).any()
    label = torch.zeros(1, 4, 4, dtype=torch.long)
    _, passed = propagate_regions(label, confident, regions[:, :1], 0.5)
    assert passed.sum() == 8


def test_waits_are_counted():
    x, mask = torch.arange(6.0), torch.arange(6) % 2 == 0

    def step():
        x.sum().item()  # 1
        bool((x > 0).any())  # 2
        x[mask]  # 3
        x[mask] = torch.zeros(3)  # 4
        mask.nonzero()  # 5
        x.unique()  # 6
        x[torch.tensor([0, 2])]  # none: the size is known
        torch.where(mask, x, -x).sum()

    found, how = count_waits(step, CPU, lambda: 'here')
    names = {name: count for (_, name), count in found.items()}
    assert {part for part, _ in found} == {'here'} and how == 'operations that would wait'
    assert names['_local_scalar_dense'] == 2 and names['index'] == 1 and names['nonzero'] == 1
    assert names['_unique2'] == 1 and sum(names.values()) == 6


@pytest.mark.parametrize('name', ['corrmatch', 'voc'])
def test_a_corrmatch_step_waits_for_nothing_but_its_regions(root, tmp_path, name):
    """Their copy, which is none on a CPU, is the one wait; optimiser and logging aside."""
    trial, _ = trial_of(root, tmp_path, name)
    set_state(trial, 'active')
    part = lambda: trial.timeline.current  # noqa: E731
    found, _ = count_waits(lambda: trial.step(0), CPU, part)
    assert {key: n for key, n in found.items() if key[0] != 'optimiser'} == {}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device')
@pytest.mark.parametrize('name', ['corrmatch', 'voc', 'cutmix', 'french'])
def test_a_step_on_a_gpu(root, tmp_path, name):
    """It waits for the copy of CorrMatch's regions and for nothing else."""
    device = torch.device('cuda')
    trial, _ = trial_of(root, tmp_path, name, device=device)
    set_state(trial, 'active')
    parts = trial.step(1)
    assert all(seconds >= 0 for seconds in parts.values()) and sum(parts.values()) > 0
    part = lambda: trial.timeline.current  # noqa: E731
    found, how = count_waits(lambda: trial.step(1), device, part)
    assert how == 'CUDA synchronisations'
    regions = {('pseudo label', 'event of a copy'): 1}
    assert found == (regions if name in ('corrmatch', 'voc') else {})
    assert peak_rise_mib(lambda: trial.step(1), device) > 0


@pytest.mark.parametrize('seed', range(4))
def test_the_transcription_is_the_product(seed):
    """Whole steps on a small network: losses, threshold, filter, gradients and draws."""
    results = []
    for kind in ('CorrMatch', 'PlainCorrMatch'):
        torch.manual_seed(seed)
        cfg = corrmatch(*STUDENTS['fcn'], thresh_init=0.45 + 0.05 * seed)
        cfg.type = kind
        model = MODELS.build(cfg).double().train()
        with torch.no_grad():
            model.student.decode_head.conv_seg.weight.mul_(5)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        history = []
        for step in range(3):
            seed_all(seed, step)
            inputs, samples = batch(size=(41, 33))
            inputs = {view: image.double() for view, image in inputs.items()}
            total, log = model.parse_losses(model.loss(inputs, samples))
            optimizer.zero_grad()
            total.backward()
            norm = sum(p.grad.square().sum() for p in model.parameters() if p.grad is not None)
            optimizer.step()
            history.append({key: value.item() for key, value in log.items()})
            history[-1] |= dict(norm=norm.item(), draw=torch.rand(1).item())
        results.append(history)
    for ours, plain in zip(*results, strict=True):
        assert {key: ours[key] for key in plain} == pytest.approx(plain, rel=1e-9)
        assert 0 < plain['mask_ratio'] < 1
        left_out = set(ours) - set(plain)
        assert left_out == {'propagated_ratio', 'sup.decode.acc_seg', 'sup.corr.acc_seg'}
    assert any(ours['propagated_ratio'] > 0 for ours in results[0])
