"""A real Runner on a model of two parameters; as a script, trainings that end badly."""

import mmap
import os
import signal
import sys
import time
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import Dataset

import mmseg_plugins  # noqa: F401  (fills the registries)
from mmseg_plugins import errors

MIOUS = (30.0, 50.0, 40.0)


class Tiny(BaseModel):
    """A line through points."""

    def __init__(self):
        super().__init__()
        self.line = torch.nn.Linear(1, 1)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        out = self.line(torch.stack(list(inputs)))
        return {'loss_line': (out - 1).square().mean()} if mode == 'loss' else list(out)


class Points(Dataset):
    """Eight points."""

    METAINFO: dict = {}

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return {'inputs': torch.tensor([float(index)]), 'data_samples': index}


class FakeIoU(BaseMetric):
    """Gives the next of the scores that it was made with, and class scores with a NaN."""

    def __init__(self, scores=MIOUS):
        super().__init__()
        self.scores = iter(scores)

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        score = next(self.scores)
        return {'mIoU': score, 'aAcc': 80.0, 'IoU.disc': score + 1, 'IoU.box': float('nan')}


def make_runner(
    work_dir,
    model=None,
    iters=4,
    val_interval=2,
    scores=MIOUS,
    hooks=(),
    protocol=None,
    build=None,
    **options,
):
    """A Runner with the record hook, the loss hook and a checkpoint at every second iteration.

    ``build`` is called when the training data are built.
    """
    hooks = list(hooks) or [dict(type='FiniteLossHook')]
    if all(hook['type'] != 'RunRecordHook' for hook in hooks):
        hooks.append(dict(type='RunRecordHook'))
    loader = dict(
        dataset=dict(type=build) if build else Points(),
        sampler=dict(type='InfiniteSampler', shuffle=False),
        batch_size=2,
    )
    val_loader = dict(dataset=Points(), sampler=dict(type='DefaultSampler'), batch_size=4)
    return Runner(
        model or Tiny(),
        work_dir=str(work_dir),
        train_dataloader=loader,
        val_dataloader=val_loader,
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=iters, val_interval=val_interval),
        val_cfg=dict(),
        val_evaluator=[FakeIoU(scores)],
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=1, log_metric_by_epoch=False),
            checkpoint=dict(type='CheckpointHook', interval=2, by_epoch=False),
        ),
        custom_hooks=hooks,
        log_processor=dict(by_epoch=False),
        default_scope='mmseg',
        randomness=dict(seed=3),
        experiment_name=f'tiny_{time.time_ns()}',
        cfg=Config(dict(protocol=protocol or {})),
        **options,
    )


class Counting(Tiny):
    """Counts begun iterations and validations in a file that it maps, and never ends."""

    def __init__(self, path):
        super().__init__()
        path.write_bytes(bytes(16))
        with open(path, 'r+b') as file:
            self.counted = memoryview(mmap.mmap(file.fileno(), 16)).cast('q')

    def forward(self, inputs, data_samples=None, mode='tensor'):
        self.counted[0] += mode == 'loss'
        return super().forward(inputs, data_samples, mode)

    def scores(self):
        while True:
            self.counted[1] += 1
            yield self.counted[1] % 100


def train_until_killed(folder):
    """Validate at every second iteration and write the record at each."""
    folder.mkdir()
    model = Counting(folder / 'counted')
    hooks = [dict(type='RunRecordHook', interval=0)]
    make_runner(folder, model, iters=10**6, scores=model.scores(), hooks=hooks).train()


class Ending(Tiny):
    """Ends its own process at the third iteration, in one of several ways."""

    def __init__(self, how):
        super().__init__()
        self.how, self.steps = how, 0

    def forward(self, inputs, data_samples=None, mode='tensor'):
        self.steps += mode == 'loss'
        if self.steps == 3:
            if self.how == 'UserError':
                raise errors.UserError('mask a.png has value 7 of 2 classes; relabel it')
            if self.how == 'ValueError':
                raise ValueError('first line\nsecond line')
            if self.how == 'exit':
                sys.exit(5)
            os.kill(os.getpid(), getattr(signal, self.how))
            time.sleep(5)
        return super().forward(inputs, data_samples, mode)


if __name__ == '__main__':
    # One process per ending, below a folder. A fork spares each the seconds of the imports, and a
    # first Runner those in which MMEngine looks at the machine.
    folder, *endings = sys.argv[1:]
    make_runner(f'{folder}-first')
    if endings[0] == 'endless':
        for number in range(int(endings[1])):
            if (child := os.fork()) == 0:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                train_until_killed(Path(folder, str(number)))
            print('pid', child, flush=True)
            os.waitpid(child, 0)
            print('gone', child, flush=True)
        sys.exit()
    for how in endings:
        if (child := os.fork()) == 0:
            os.makedirs(f'{folder}/{how}')
            os.dup2(os.open(f'{folder}/{how}/stderr', os.O_CREAT | os.O_WRONLY), 2)
            make_runner(f'{folder}/{how}', Ending(how)).train()
        _, status = os.waitpid(child, 0)
        print('ended', how, os.waitstatus_to_exitcode(status))
