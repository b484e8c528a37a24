"""The optimizers of French et al. on their networks, built from the configs."""

from collections import Counter

import pytest
import torch
from french import V2, V3PLUS, cutmix, narrow, network, schedule
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner
from mmseg.registry import MODELS
from students import batch

VIEWS = ('sup', 'unsup_weak', 'unsup_weak_mix')


@pytest.fixture(scope='module')
def whole():
    """CutMix around the whole network, and the student alone, as in a SupOnly run."""
    with torch.device('meta'):
        model = MODELS.build(cutmix(network(V2)))
    return dict(cutmix=model, suponly=model.student)


def groups(model, cfg):
    """Names of the parameters that are trained, by (repeat, rate)."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    found = {}
    for group in build_optim_wrapper(model, cfg).optimizer.param_groups:
        assert group['weight_decay'] == 0 and group['betas'] == (0.9, 0.999)
        key = group.get('repeat'), round(group['lr'], 12)
        trained = (names[p] for p in group['params'] if p.requires_grad)
        found.setdefault(key, []).extend(trained)
    return found


@pytest.mark.parametrize('method', ['cutmix', 'suponly'])
def test_what_ran_with_v2(whole, method):
    model = whole[method]
    found = groups(model, schedule('v2'))
    counts = {key: len(names) for key, names in found.items()}
    assert counts == {(1, 3e-6): 1, (3, 3e-6): 99, (4, 3e-6): 4, (1, 3e-5): 4}
    assert found[1, 3e-6][0].endswith('backbone.conv1.weight')
    assert all('downsample.0' in name for name in found[4, 3e-6])
    assert all('decode_head.branches' in name for name in found[1, 3e-5])
    assert not any('bn' in name or 'teacher' in name for names in found.values() for name in names)
    # the other four of the head's eight tensors belong to the branches that are not reached
    head = next(m for m in model.modules() if type(m).__name__ == 'DeepLabV2Head')
    assert len(list(head.parameters())) == 8


@pytest.mark.parametrize(
    ('repeat_as', 'rates'),
    [('rate', {3e-6: 1, 9e-6: 99, 12e-6: 4, 3e-5: 4}), ('off', {3e-6: 104, 3e-5: 4})],
)
def test_other_rates_with_v2(whole, repeat_as, rates):
    cfg = schedule('v2')
    cfg.optimizer.repeat_as = repeat_as
    found = groups(whole['suponly'], cfg)
    counts = Counter({rate: len(names) for (_, rate), names in found.items()})
    assert counts == rates and {repeat for repeat, _ in found} == {1}


def test_v3plus_trains_at_one_rate():
    with torch.device('meta'):
        model = MODELS.build(cutmix(network(V3PLUS)))
    ((key, names),) = groups(model, schedule('v3plus')).items()
    assert key == (None, 1e-5) and len(names) == 341


class Batches(torch.utils.data.Dataset):
    """One ready batch after the other; the loader adds a dimension that ``first`` removes."""

    METAINFO: dict = {}

    def __len__(self):
        return 4

    def __getitem__(self, index):
        torch.manual_seed(index)
        inputs, data_samples = batch(num_classes=4, views=VIEWS)
        return dict(inputs=inputs, data_samples=data_samples)


def first(samples):
    return samples[0]


def runner(work_dir, max_iters, **options):
    loader = dict(dataset=Batches(), sampler=dict(type='DefaultSampler', shuffle=False))
    return Runner(
        cutmix(narrow(V2)),
        work_dir=str(work_dir),
        train_dataloader=dict(**loader, batch_size=1, collate_fn=first),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=max_iters),
        optim_wrapper=schedule('v2'),
        custom_hooks=[dict(type='MeanTeacherHook')],
        default_scope='mmseg',
        randomness=dict(seed=0),
        experiment_name=f'french_{work_dir.name}_{max_iters}',
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=2, by_epoch=False)),
        **options,
    )


def test_constant_rate_in_a_runner(tmp_path):
    """No ``param_scheduler`` is needed; a resumed run keeps repeats, rates and moments."""
    once = runner(tmp_path / 'a', 4)
    once.train()
    rates = [group['lr'] for group in once.optim_wrapper.optimizer.param_groups]
    assert sorted(set(rates)) == pytest.approx([3e-6, 3e-5])
    runner(tmp_path / 'b', 2).train()
    resumed = runner(tmp_path / 'b', 4, resume=True)
    resumed.train()
    for one, two in zip(
        once.optim_wrapper.optimizer.param_groups,
        resumed.optim_wrapper.optimizer.param_groups,
        strict=True,
    ):
        assert (one['repeat'], one['lr']) == (two['repeat'], two['lr'])
        steps = [
            wrapper.optimizer.state[group['params'][0]]['step'].item()
            for wrapper, group in ((once.optim_wrapper, one), (resumed.optim_wrapper, two))
        ]
        assert steps == [4 * one['repeat']] * 2
