"""Two ranks on CPU: what is global is global, and the number is that of one process."""

import pytest
import same_number
import torch
import two_ranks
from mmengine.config import Config
from mmseg.registry import MODELS
from torch.nn.modules.batchnorm import SyncBatchNorm, _BatchNorm

GLOBAL = dict(denominators='global')
GLOBAL_CE = dict(type='LabelledCrossEntropyLoss', **GLOBAL)
# divided by the valid pixels
VALID = dict(consistency=dict(divisor='valid'))
ACCUMULATED = dict(
    suponly=dict(method='suponly'),
    cutmix=dict(method='cutmix', consistency=dict(threshold=0)),
    corrmatch=dict(method='corrmatch', thresh_update=False),
)
# name: (options, whether one process gives the same)
CASES = {
    **{method: (dict(method=method), True) for method in ('suponly', 'cutmix', 'corrmatch')},
    # two batches of each rank in a step
    **{
        f'{name}_accumulated': (dict(case, accumulate=2), True)
        for name, case in ACCUMULATED.items()
    },
    # ignored pixels that are spread unevenly
    **{
        f'{name}_{kind}': (dict(method=method, ignored=True, **options), kind == 'global')
        for name, method, choices in [
            ('suponly', 'suponly', [{}, dict(loss=GLOBAL_CE)]),
            (
                'suponly_ohem',
                'suponly',
                [dict(loss=same_number.OHEM), dict(loss={**same_number.OHEM, **GLOBAL})],
            ),
            ('cutmix', 'cutmix', [VALID, {**VALID, **GLOBAL}]),
            ('corrmatch', 'corrmatch', [{}, GLOBAL]),
            (
                'corrmatch_ohem',
                'corrmatch',
                [dict(loss=same_number.OHEM), dict(loss=same_number.OHEM, **GLOBAL)],
            ),
        ]
        for kind, options in zip(('rank', 'global'), choices, strict=True)
    },
}


def test_threshold_is_global(root):
    two_ranks.run(two_ranks.threshold, str(root / 'tests/data/golden/corrmatch/thresh.npz'))


def test_gate_is_global():
    two_ranks.run(two_ranks.gate)


def test_dice_and_lovasz_are_global():
    two_ranks.run(two_ranks.range_criteria)


def test_one_rank_s_bad_loss_stops_all():
    two_ranks.run(two_ranks.finite)


def test_each_rank_draws_its_own():
    two_ranks.run(two_ranks.own_randomness)


def test_two_ranks_train_as_one(tmp_path):
    cases = {name: case for name, (case, _) in CASES.items()}
    two_ranks.run(two_ranks.train_all, str(tmp_path), cases)
    found = {}
    for name, (case, _) in CASES.items():
        alone = same_number.train(tmp_path / name, **{**case, 'accumulate': 1})
        found[name] = same_number.apart(torch.load(tmp_path / f'{name}.pth'), alone)
    for name, (_, equal) in CASES.items():
        assert (found[name] < 1e-9) == equal, (name, found)


def test_two_ranks_score_as_one(tiny_data, tmp_path):
    names = tiny_data / 'shapes/ImageSets/Segmentation/val.txt'
    names.write_text('a\nb\nc\nd\ne\n')  # five: one rank gets an image twice
    two_ranks.run(two_ranks.validate, str(tiny_data), str(tmp_path))
    spread = torch.load(tmp_path / 'metrics.pth')
    for size, metrics in spread.items():
        alone = same_number.score(tiny_data, tmp_path / 'alone', size)
        assert metrics == alone and len(alone) == 9
        assert 0 < alone['mIoU'] < 100


# What a step of two halves cannot know of the whole batch.
NOT_EQUAL = dict(
    batch_statistics=dict(method='suponly', frozen=False),
    gate=dict(method='cutmix'),
    threshold_within_the_step=dict(method='corrmatch'),
    denominators=dict(method='suponly', ignored=True, loss=GLOBAL_CE),
    ohem=dict(method='suponly', loss=same_number.OHEM),
)


@pytest.mark.parametrize('name', [*ACCUMULATED, *NOT_EQUAL])
def test_two_halves_of_a_step_are_one_batch(name, tmp_path):
    """Weights, average or teacher, and learning rate; all of them move once per optimizer step."""
    case = {**ACCUMULATED, **NOT_EQUAL}[name]
    whole = same_number.train(tmp_path / 'whole', **case)
    halves = same_number.train(tmp_path / 'halves', **case, accumulate=2)
    assert (same_number.apart(halves, whole) < 1e-9) == (name in ACCUMULATED)
    assert torch.equal(halves['lr'], whole['lr'])


def test_the_threshold_moves_once_per_step_by_the_maxima_of_all_its_batches(tmp_path):
    whole = same_number.train(tmp_path / 'whole', 'corrmatch', steps=1)
    halves = same_number.train(tmp_path / 'halves', 'corrmatch', steps=1, accumulate=2)
    assert whole['threshold'] != 0.5
    assert halves['threshold'].item() == pytest.approx(whole['threshold'].item(), rel=1e-9)


@pytest.mark.parametrize(
    'name', ['r18n', 'r101', 'r101-cityscapes', 'r101-torchvision', 'v2', 'fidnet']
)
def test_ranks_share_batch_statistics(root, name):
    """Batch norm that takes statistics of a batch takes them over all ranks."""
    stem = dict(v2='deeplabv2-r101', fidnet='fidnet').get(name, f'deeplabv3plus-{name}')
    cfg = Config.fromfile(root / f'configs/_base_/networks/{stem}.py')
    parts = [cfg.network, *([cfg.correlation] if 'correlation' in cfg else [])]
    with torch.device('meta'):
        modules = [m for part in parts for m in MODELS.build(part).train().modules()]
    norms = [m for m in modules if isinstance(m, _BatchNorm)]
    assert norms and all(isinstance(m, SyncBatchNorm) or not m.training for m in norms)


def test_every_leaf_states_its_batch_and_does_not_broadcast_buffers(root):
    leaves = [p for p in (root / 'configs').glob('*/*.py') if p.parent.name != '_base_']
    for leaf in leaves[:: len(leaves) // 8]:
        cfg = Config.fromfile(leaf)
        protocol, batch = cfg.protocol, cfg.train_dataloader.batch_size
        assert cfg.auto_scale_lr == dict(enable=False, base_batch_size=protocol.gpus * batch)
        assert cfg.model_wrapper_cfg.broadcast_buffers is False
        assert cfg.train_cfg.type == 'AccumulatingTrainLoop'
