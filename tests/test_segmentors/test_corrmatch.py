"""CorrMatch's options, its partners, what a user can get wrong, and resuming."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import HOOKS, MODELS
from students import BN, FCN, RESNET, STUDENTS, VIEWS, batch, corrmatch, encoder_decoder
from torch.utils.data import Dataset

from mmseg_plugins.errors import UserError
from mmseg_plugins.segmentors.fit import read_levels

DEEPLAB = dict(
    type='DeepLabV3PlusHead',
    in_channels=(4, 32),
    channels=8,
    c1_channels=4,
    dilations=(1, 2, 3),
    num_classes=3,
    norm_cfg=BN,
    loss_decode=FCN['loss_decode'],
)
NORMALIZE = dict(type='SegDataPreProcessor', mean=[0.0] * 3, std=[1.0] * 3, seg_pad_val=255)


def preprocessor(**options):
    return dict(type='MultiBranchDataPreprocessor', data_preprocessor={**NORMALIZE, **options})


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(thresh_init=1.2), 'thresh_init=1.2 is not a confidence; use 0..1'),
        (dict(thresh_init=-0.1), 'thresh_init=-0.1 '),
        (dict(thresh_momentum=0), 'thresh_momentum=0 .* thresh_update=False for a fixed'),
        (dict(thresh_momentum=1.5), 'thresh_momentum=1.5 '),
        (dict(perturb_ratio=1.0), r'perturb_ratio=1.0 .* use \[0, 1\)'),
        (dict(box=None), "box=None pastes nothing; use a policy with partner='stream' or 'batch'"),
        (dict(box=dict(type='UniMatchBox', partner='none')), 'pastes nothing'),
        (
            dict(data_preprocessor=preprocessor(size=(7, 96))),
            r'the crop \(7, 96\) is smaller than the stride 8 of ResNetV1c; use .* at least 8',
        ),
        (dict(correlation=dict(num_maps=0)), 'CorrelationHead: num_maps=0 samples no region map'),
        (
            dict(correlation=dict(num_classes=7)),
            r'has 3 classes, the correlation branch 7; set correlation=dict\(num_classes=3\)',
        ),
        (dict(correlation=dict(num_maps=1.5)), 'num_maps=1.5 .* use a whole number of 1 or more'),
    ],
)
def test_bad_options(options, message):
    cfg = corrmatch(*STUDENTS['fcn'])
    cfg.correlation.update(options.pop('correlation', {}))
    with pytest.raises(UserError, match=message) as error:
        MODELS.build({**cfg, **options})
    assert '\n' not in str(error.value)


def test_good_options_at_the_edge():
    for options in (
        dict(thresh_init=0, thresh_momentum=1.0, perturb_ratio=0),
        dict(thresh_init=1, data_preprocessor=preprocessor(size=(8, 8))),
    ):
        MODELS.build(corrmatch(*STUDENTS['fcn'], **options))


def test_an_image_of_one_position():
    model = MODELS.build(corrmatch(*STUDENTS['fcn']))
    with pytest.raises(UserError, match=r'image of \(8, 8\) pixels has a feature map of \(1, 1\)'):
        model.loss(*batch(size=(8, 8)))


@pytest.mark.parametrize(
    'head, levels',
    [
        (DEEPLAB, [0, 3]),  # c1 and c4: the reference
        (
            dict(
                type='DepthwiseSeparableASPPHead',
                in_channels=32,
                in_index=3,
                c1_in_channels=4,
                c1_channels=4,
                channels=8,
                num_classes=3,
                norm_cfg=BN,
            ),
            [0, 1, 2, 3],  # it reads c1 too and does not say so
        ),
    ],
)
def test_perturbed_levels(head, levels):
    model = MODELS.build(corrmatch(encoder_decoder(RESNET, head), 32))
    assert read_levels(model.decode_heads(), 4) == levels
    features = [torch.ones(1, 64, 3, 3) for _ in range(4)]
    dropped = [bool((f[1:] == 0).any()) for f in model.perturb(features)]
    assert dropped == [level in levels for level in range(4)]
    model.perturb_levels = [-1]
    dropped = [bool((f[1:] == 0).any()) for f in model.perturb(features)]
    assert dropped == [False, False, False, True]


@pytest.mark.parametrize('partner', ['stream', 'batch'])
def test_partner(partner, monkeypatch):
    """Inside the box image and target are the partner's, a stream's target comes in eval mode.

    A partner in the batch has its target already, so there is a pass fewer.
    Which image the stream's partner shows is the sampler's affair: coupled to the weak stream it is
    the same one, independent another (tests/test_datasets/test_multi_source_sampler.py).
    """
    views = VIEWS if partner == 'stream' else VIEWS[:3]
    inputs, samples = batch(views=views)
    box = dict(type='UniMatchBox', partner=partner)
    model = MODELS.build(corrmatch(*STUDENTS['fcn'], box=box, thresh_init=0.35)).train()
    boxes = np.array([[2, 3, 20, 30], [5, 0, 33, 20]])
    monkeypatch.setattr(type(model.box), '__call__', lambda self, num, size: boxes)
    seen, passes, loss_unsup = {}, [], model.loss_unsup

    def spy(image, target, views):
        seen.update(image=image, target=target, views=views)
        return loss_unsup(image, target, views)

    monkeypatch.setattr(model, 'loss_unsup', spy)
    model.student.backbone.register_forward_hook(
        lambda net, args, out: passes.append((net.training, len(args[0]), torch.is_grad_enabled()))
    )
    model.loss(inputs, samples)
    # labelled and weak images in one batch, the strong image; a stream's partner, no gradient
    both = [(True, 4, True), (True, 2, True)]
    assert passes == ([(False, 2, False), *both] if partner == 'stream' else both)
    mask = torch.zeros(2, 1, 33, 49, dtype=torch.bool)
    mask[0, :, 2:20, 3:30] = mask[1, :, 5:33, :20] = True
    strong = inputs['unsup_strong']
    pasted = inputs['unsup_strong_mix'] if partner == 'stream' else strong.flip(0)
    assert torch.equal(seen['image'], torch.where(mask, pasted, strong))
    label = seen['views']['unsup_weak'].argmax(1), seen['views']['unsup_weak_mix'].argmax(1)
    assert torch.equal(seen['target']['label'], torch.where(mask[:, 0], *label[::-1]))


def test_fixed_threshold_zero_is_the_cityscapes_recipe():
    """Every pixel passes and the threshold stays; specification 5."""
    torch.manual_seed(0)
    options = dict(thresh_init=0, thresh_update=False)
    model = MODELS.build(corrmatch(*STUDENTS['fcn'], **options))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(3):
        total, log = model.parse_losses(model.loss(*batch()))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        assert log['threshold'] == model.threshold == 0
        assert log['mask_ratio'] == 1 and log['propagated_ratio'] == 0
    model.thresh_update = True  # what the published code would do
    model.loss(*batch())
    assert 0 < model.threshold < 0.001


class Scenes(Dataset):
    """Twelve samples with all views, as `MultiBranch` makes them."""

    METAINFO: dict = {}

    def __len__(self):
        return 12

    def __getitem__(self, index):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(index)
            inputs, samples = batch(num=1)
        return dict(
            inputs={view: image[0] for view, image in inputs.items()},
            data_samples={view: sample for view, (sample,) in samples.items()},
        )


def train(work_dir, stop: int, resume_from=None):
    """Train to iteration ``stop`` of six; returns the runner."""
    torch.manual_seed(0)
    runner = Runner(
        MODELS.build(
            corrmatch(
                encoder_decoder(RESNET, DEEPLAB),
                32,
                thresh_init=0.4,
                thresh_momentum=0.1,
                data_preprocessor=preprocessor(size=(33, 49)),
            )
        ),
        work_dir=str(work_dir),
        train_dataloader=dict(
            dataset=Scenes(),
            sampler=dict(type='InfiniteSampler', shuffle=False),
            batch_size=2,
            collate_fn=dict(type='pseudo_collate'),
        ),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=stop),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9)),
        param_scheduler=[dict(type='PolyLR', power=0.9, begin=0, end=7, by_epoch=False)],
        default_hooks=dict(
            logger=None, checkpoint=dict(type='CheckpointHook', interval=3, by_epoch=False)
        ),
        # warns in the first iteration; after the third it could not know of that by itself
        custom_hooks=[
            dict(type='IterationSeedHook'),
            dict(type='CorrMatchHook', full=0.0, warmup=3),
        ],
        load_from=resume_from,
        resume=resume_from is not None,
        default_scope='mmseg',
        randomness=dict(seed=0),
        experiment_name=f'corrmatch_{stop}_{resume_from is not None}',
        log_level='ERROR',
        cfg=Config(),
    )
    runner.train()
    return runner


def test_resumed_training_equals_an_uninterrupted_one(tmp_path):
    whole = train(tmp_path / 'whole', 6)
    train(tmp_path / 'half', 3)
    resumed = train(tmp_path / 'rest', 6, str(tmp_path / 'half/iter_3.pth'))
    threes = [
        torch.load(tmp_path / f'{name}/iter_3.pth', weights_only=False)['state_dict']
        for name in ('whole', 'half')
    ]
    states = [whole.model.state_dict(), resumed.model.state_dict()]
    for first, second in (threes, states):
        assert first.keys() == second.keys() and 'threshold' in first
        assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(threes[0]['threshold'], states[0]['threshold'])
    assert 0.4 < states[0]['threshold'] < 1
    momenta = [
        [state['momentum_buffer'] for state in run.optim_wrapper.state_dict()['state'].values()]
        for run in (whole, resumed)
    ]
    assert all(map(torch.equal, *momenta)) and whole.optim_wrapper.get_lr() == (
        resumed.optim_wrapper.get_lr()
    )
    hooks = [
        next(hook for hook in run.hooks if type(hook).__name__ == 'CorrMatchHook')
        for run in (whole, resumed)
    ]
    assert all(hook.warned_full for hook in hooks)


def test_hook_counters_are_in_the_checkpoint():
    first, second = (HOOKS.build(dict(type='CorrMatchHook')) for _ in range(2))
    first.starved, first.warned_full = 41, True
    checkpoint = {}
    first.before_save_checkpoint(None, checkpoint)
    second.after_load_checkpoint(SimpleNamespace(_resume=False), checkpoint)
    assert (second.starved, second.warned_full) == (0, False)  # weights only: a new run
    second.after_load_checkpoint(SimpleNamespace(_resume=True), checkpoint)
    assert (second.starved, second.warned_full) == (41, True)
    second.after_load_checkpoint(SimpleNamespace(_resume=True), {})  # an older checkpoint
