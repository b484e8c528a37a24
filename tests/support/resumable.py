"""Short trainings of shrunk leaves in forked processes, to be killed and resumed."""

import hashlib
import itertools
import json
import multiprocessing
import os
import signal
import time

import replicas
import torch
import torch.distributed as dist
from mmengine.hooks import Hook
from mmengine.registry import MODELS
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from shrink import shrink
from torch.distributed.nn.functional import all_reduce

from mmseg_plugins.checkpoints import load_file

NAMES = {
    'suponly': 'suponly/suponly_deeplabv3plus-r101_4xb2u0_voc_classic_92-321.py',
    'cutmix': 'cutmix/cutmix_deeplabv3plus-r101_4xb2u2_voc_classic_92-321.py',
    'corrmatch': 'corrmatch/corrmatch_deeplabv3plus-r101_4xb2u2_voc_classic_92-321.py',
    'french': 'cutmix/cutmix_deeplabv2-r101_1xb10u10_voc_french_106-321.py',
    'average': 'suponly/suponly_deeplabv2-r101_1xb10u0_voc_french_106-321.py',
}
FORK = multiprocessing.get_context('fork')  # spares each start the seconds of the imports
_ticks = FORK.Value('q', 0, lock=False)
_count = itertools.count()


@HOOKS.register_module(force=True)
class Tick(Hook):
    """Counts begun iterations and validation batches where the parent process can see it."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        _ticks.value += 1

    def before_val_iter(self, runner, batch_idx, data_batch=None):
        _ticks.value += 1


@MODELS.register_module(force=True)
class CpuSyncBN(torch.nn.BatchNorm2d):
    """What ``SyncBatchNorm``, which refuses the CPU, does on GPUs; for equal shares."""

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        dims = (0, 2, 3)
        count = x.numel() / x.shape[1] * dist.get_world_size()
        mean, square = all_reduce(torch.stack([x.sum(dims), x.square().sum(dims)])) / count
        var = square - mean.square()
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var * count / (count - 1), self.momentum)
            self.num_batches_tracked += 1
        shape = (1, -1, 1, 1)
        x = (x - mean.view(shape)) * (var + self.eps).rsqrt().view(shape)
        return x * self.weight.view(shape) + self.bias.view(shape)


def voc(folder, method):
    """A replica with the lists of the method's benchmark."""
    french = method in ('french', 'average')
    benchmark = 'voc_french_106' if french else 'voc_classic_92'
    return replicas.prepared(folder, 'voc12', [benchmark], overlap=french)


def short(cfg, work_dir, iters=12, val_interval=4, interval=3, workers=0):
    """A leaf as a training of a few seconds that logs each iteration.

    Returns:
        Config: The leaf, changed in place.
    """
    cfg = shrink(cfg, work_dir)
    cfg.train_cfg.update(max_iters=iters, val_interval=val_interval)
    cfg.default_hooks.checkpoint.interval = interval
    cfg.default_hooks.logger.interval = 1
    cfg.train_dataloader.num_workers = workers
    cfg.custom_hooks = [*cfg.get('custom_hooks', []), dict(type='Tick')]
    return cfg


class Start:
    """One start of a training; its output goes to ``out.txt`` in its work dir.

    Args:
        cfg (Config): The training.
        ranks (int): Processes. Defaults to 1.
        resume (bool): Go on where the last start ended. Defaults to False.
    """

    def __init__(self, cfg, ranks=1, resume=False):
        time.sleep(1)  # MMEngine names the folder of a start by its second
        _ticks.value = 0
        os.makedirs(cfg.work_dir, exist_ok=True)
        cfg.resume = resume
        meeting = f'file://{cfg.work_dir}/meeting-{os.getpid()}-{next(_count)}'
        self.out = os.path.join(cfg.work_dir, 'out.txt')
        self.processes = [
            FORK.Process(target=_train, args=(cfg, rank, ranks, meeting, self.out))
            for rank in range(ranks)
        ]
        for process in self.processes:
            process.start()

    @property
    def alive(self):
        return any(process.is_alive() for process in self.processes)

    def wait_for(self, ticks):
        """Wait until the training has begun so many iterations and validation batches.

        Returns:
            bool: Whether it has come so far.
        """
        while self.alive and _ticks.value < ticks:
            time.sleep(0.002)
        return self.alive

    def kill(self, number=signal.SIGKILL):
        """Signal all ranks, as a machine that goes away does, and wait for their ends."""
        for process in self.processes:
            os.kill(process.pid, number)
        return self.end()

    def end(self, timeout=300):
        """Exit codes of the ranks; their ticks are :attr:`ticks` then."""
        for process in self.processes:
            process.join(timeout)
        self.ticks = _ticks.value
        return [process.exitcode for process in self.processes]


def _train(cfg, rank, ranks, meeting, out):
    file = os.open(out, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    torch.set_num_threads(1)
    if ranks > 1:
        os.environ['LOCAL_RANK'] = str(rank)  # MMEngine looks it up, and does not use it
        dist.init_process_group('gloo', init_method=meeting, rank=rank, world_size=ranks)
        cfg.launcher = 'pytorch'
        cfg.model_wrapper_cfg.update(device_ids=None)
        _replace(cfg.model, 'SyncBN', 'CpuSyncBN')
    Runner.from_cfg(cfg).train()


def _replace(part, old, new):
    items = part.items() if isinstance(part, dict) else enumerate(part)
    for key, value in items:
        if value == old:
            part[key] = new
        elif isinstance(value, dict | list):
            _replace(value, old, new)


def digest(work_dir, iters):
    """SHA-256 over all that is learnt: weights, teacher, threshold, momenta, schedule."""
    saved = load_file(work_dir / f'iter_{iters}.pth')
    tensors = {**saved['state_dict'], **saved.get('ema_state_dict', {})}
    states = saved['optimizer']['state']
    tensors.update({f'{i}.{k}': v for i, state in states.items() for k, v in state.items()})
    found = hashlib.sha256(repr(saved.get('param_schedulers')).encode())
    for name in sorted(tensors):
        found.update(name.encode() + torch.as_tensor(tensors[name]).numpy().tobytes())
    return found.hexdigest()


def logged(work_dir):
    """Losses of each iteration, scores of each validation; told again, they must be the same."""
    lines = {}
    for path in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for text in path.read_text().splitlines(keepends=True):
            if not text.endswith('\n'):
                continue  # cut short by a kill
            line = json.loads(text)
            key = 'val' if 'mIoU' in line else 'train', line['step']
            times = ('time', 'data_time', 'memory')
            line = {k: v for k, v in line.items() if k not in times}
            assert repr(lines.setdefault(key, line)) == repr(line), (path, key)
    return {key: repr(line) for key, line in lines.items()}
