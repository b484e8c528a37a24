"""What a training starts from, and which checkpoints are there when it ends."""

import errno
import os
import signal
import time

import pytest
import tiny_training as tiny
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmseg_plugins.checkpoints import atomic_backend, load_file
from mmseg_plugins.errors import UserError


class Do(Hook):
    """Do something before an iteration, or before a validation."""

    def __init__(self, what, at=None, val=False):
        self.what, self.at, self.val = what, at, val

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.at:
            self.what()

    def before_val_iter(self, runner, batch_idx, data_batch=None):
        if self.val:
            self.what()


class Stopped(Exception):
    """A power failure."""


def stop():
    raise Stopped


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture(autouse=True)
def _signals():
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def train(tmp_path):
    def train(*hooks, iters=6, scores=(10.0, 20.0, 30.0), counts=1, settings=(), **options):
        train.folder = tmp_path / 'run'
        settings = dict(train_cfg=dict(max_iters=iters, val_interval=2), lr=0.01) | dict(settings)
        points = tiny.Points()
        torch.manual_seed(0)
        runner = Runner(
            tiny.Tiny(),
            work_dir=str(train.folder),
            train_dataloader=dict(
                dataset=points, sampler=dict(type='InfiniteSampler'), batch_size=2
            ),
            val_dataloader=dict(
                dataset=points, sampler=dict(type='DefaultSampler'), batch_size=4
            ),
            train_cfg={'type': 'IterBasedTrainLoop', **settings['train_cfg']},
            val_cfg=dict(),
            val_evaluator=[tiny.FakeIoU(scores)],
            optim_wrapper=dict(
                optimizer=dict(type='SGD', lr=0.01, momentum=0.9), accumulative_counts=counts
            ),
            default_hooks=dict(
                checkpoint=dict(
                    type='SafeCheckpointHook', interval=2, by_epoch=False, max_keep_ckpts=1,
                    save_best='mIoU', rule='greater',
                ),
                resume=dict(type='ResumeHook', allow_changes=options.pop('allow', False)),
                iteration_seed=dict(type='IterationSeedHook'),
                logger=None,
            ),
            custom_hooks=list(hooks),
            default_scope='mmseg',
            randomness=dict(seed=0),
            experiment_name=f'tiny_{time.time_ns()}',
            cfg=Config(settings),
            log_level='ERROR',
            **options,
        )  # fmt: skip
        runner.train()
        return runner

    return train


def files(folder, pattern='*.pth'):
    return sorted(path.name for path in folder.glob(pattern))


def weights(folder, name='iter_6.pth'):
    return {k: v.tolist() for k, v in load_file(folder / name)['state_dict'].items()}


def test_the_newest_that_can_be_read(train, caplog):
    train()
    expected = weights(train.folder)
    with pytest.raises(Stopped):
        train(Do(stop, at=5))
    assert files(train.folder, 'iter_*') == ['iter_4.pth', 'iter_6.pth']
    assert load_file(train.folder / 'iter_6.pth')['meta']['iter'] == 6
    # that of an earlier start has a higher number, and is older
    runner = train(resume=True, scores=(20.0, 30.0))
    assert runner._load_from.endswith('iter_4.pth') and weights(train.folder) == expected
    half = train.folder / 'iter_9.pth'
    half.write_bytes((train.folder / 'iter_6.pth').read_bytes()[:1000])
    (train.folder / 'last_checkpoint').write_text(str(half))
    runner = train(resume=True)
    assert runner._load_from.endswith('iter_6.pth')
    for path in train.folder.glob('iter_*.pth'):
        path.write_bytes(b'')
    with pytest.raises(UserError, match='no checkpoint in .* can be resumed: .*truncated'):
        train(resume=True)


def test_a_validation_is_made_up_for(train):
    with pytest.raises(Stopped):
        train(Do(stop, val=True))
    assert files(train.folder) == ['iter_2.pth']
    runner = train(resume=True)
    assert runner.message_hub.get_info('best_score') == 30
    assert files(train.folder) == ['best_mIoU_iter_6.pth', 'iter_6.pth']
    with pytest.raises(StopIteration):
        next(runner.val_loop.evaluator.metrics[0].scores)  # of three, three were taken
    train(resume=True, scores=(20.0,))  # the last one again: the checkpoint was saved before it
    assert files(train.folder) == ['best_mIoU_iter_6.pth', 'iter_6.pth']


def test_what_cannot_be_resumed(train, tmp_path):
    train()
    best = train.folder / 'best_mIoU_iter_6.pth'
    with pytest.raises(UserError, match='has no optimizer; name an iter'):
        train(resume=True, load_from=str(best))
    with pytest.raises(UserError, match=r'lr 0.01 -> 0.02.*allow_changes=True'):
        train(resume=True, settings=dict(lr=0.02))
    with pytest.raises(UserError, match=r'new unset -> 1'):
        train(resume=True, settings=dict(new=1))
    train(resume=True, settings=dict(lr=0.02), allow=True)
    train(resume=True, settings=dict(work_dir='elsewhere', load_from='x'))
    saved = load_file(train.folder / 'iter_6.pth')
    saved['meta']['world_size'] = 4
    torch.save(saved, tmp_path / 'four.pth')
    with pytest.raises(UserError, match='ranks 4 -> 1'):
        train(resume=True, load_from=str(tmp_path / 'four.pth'))


def test_weights_to_start_from(train, tmp_path):
    """Bare or below `model`: MMEngine would take the second for a model without weights."""
    state = {'line.weight': torch.full((1, 1), 7.0), 'line.bias': torch.zeros(1)}
    for content in (state, dict(state_dict=state), dict(model=state)):
        torch.save(content, tmp_path / 'start.pth')
        seen = []
        hook = Do(None, at=0)
        hook.what = lambda: seen.append(runner_of[0].model.line.weight.item())  # noqa: B023
        runner_of = []
        hook.before_run = runner_of.append
        train(hook, iters=1, load_from=str(tmp_path / 'start.pth'))
        assert seen == [7.0]
    torch.save(dict(other=torch.ones(1)), tmp_path / 'start.pth')
    with pytest.raises(UserError, match='has none of the tensors of the Tiny'):
        train(load_from=str(tmp_path / 'start.pth'))


def test_sigterm(train):
    train()
    expected = weights(train.folder)
    for hook, saved in (Do(terminate, at=4), 'iter_5.pth'), (Do(terminate, val=True), 'iter_2.pth'):
        for path in train.folder.glob('*.pth'):
            path.unlink()
        with pytest.raises(SystemExit) as ended:
            train(hook)
        assert ended.value.code == 143 and saved in files(train.folder)
        train(resume=True)  # and hears SIGTERM again, until it ends
        assert weights(train.folder) == expected
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_whole_optimizer_steps_only(train):
    """A checkpoint in the middle of an accumulation would lose gradients."""
    train(counts=3)
    expected = weights(train.folder)
    (train.folder / 'iter_6.pth').unlink()
    with pytest.raises(Stopped):
        train(Do(stop, at=5), counts=3)
    assert files(train.folder, 'iter_*') == ['iter_3.pth']
    train(counts=3, resume=True)
    assert weights(train.folder) == expected
    for path in train.folder.glob('*.pth'):
        path.unlink()
    with pytest.raises(SystemExit):
        train(Do(terminate, at=0), counts=3)
    assert files(train.folder) == []  # in the validation of half a step
    once = dict(train_cfg=dict(max_iters=6, val_interval=6))
    with pytest.raises(SystemExit):
        train(Do(terminate, at=0), counts=3, settings=once)
    assert files(train.folder) == ['iter_3.pth']
    train(counts=3, settings=once, resume=True)
    assert weights(train.folder) == expected


def test_an_accumulating_loop_saves_when_the_config_says(train):
    """Its iterations are optimizer steps: there is nothing to round up."""
    settings = dict(
        train_cfg=dict(type='AccumulatingTrainLoop', accumulate=3, max_iters=6, val_interval=6)
    )
    train(settings=settings)
    expected = weights(train.folder)
    (train.folder / 'iter_6.pth').unlink()
    with pytest.raises(Stopped):
        train(Do(stop, at=5), settings=settings)
    assert files(train.folder, 'iter_*') == ['iter_4.pth']
    train(settings=settings, resume=True)
    assert weights(train.folder) == expected


@pytest.mark.parametrize('name', ['iter_4', 'best_mIoU_iter_4'])
def test_a_full_disk_keeps_the_old(name, train, monkeypatch):
    train()
    expected = weights(train.folder)
    (train.folder / 'iter_6.pth').unlink()
    write = atomic_backend.write_atomic

    def full(path, content):
        if str(path).endswith(f'{name}.pth'):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(atomic_backend, 'write_atomic', full)
        with pytest.raises(UserError, match=rf'cannot write .*{name}.pth: No space left'):
            train()
    assert {'iter_2.pth', 'best_mIoU_iter_2.pth'} & set(files(train.folder))
    train(resume=True)
    assert weights(train.folder) == expected
