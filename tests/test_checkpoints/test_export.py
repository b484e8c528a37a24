"""A trained network as a plain mmseg checkpoint that stock commands test."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import MODELS

from mmseg_plugins.checkpoints import run_config
from mmseg_plugins.errors import UserError


def leaf_of(root, method):
    (leaf,) = (root / 'configs' / method).glob(f'{method}_*r18n*_shapes_12-96.py')
    config = Config.fromfile(leaf)
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        config[loader].update(num_workers=0, persistent_workers=False)
    return config


def saved(config, path):
    """A checkpoint of an untrained run, with every network different."""
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    for value in model.state_dict().values():
        if value.is_floating_point() and value.dim():
            value.uniform_(0.1, 0.5)
    meta = dict(cfg=config.pretty_text, iter=2)
    torch.save(dict(meta=meta, state_dict=model.state_dict()), path)
    return model.eval()


def stock(folder, name='out'):
    """The exported model, strictly loaded."""
    config = Config.fromfile(folder / f'{name}.py')
    assert config.model.type == 'EncoderDecoder'
    assert config.model.data_preprocessor.type == 'SegDataPreProcessor'
    model = MODELS.build(config.model).eval()
    checkpoint = torch.load(folder / f'{name}.pth', weights_only=True)
    model.load_state_dict(checkpoint['state_dict'], strict=True)
    return model


@pytest.mark.parametrize(
    ('method', 'network', 'dropped'),
    [
        ('cutmix', None, 'student.* (206)'),
        ('cutmix', 'student', 'teacher.* (206)'),
        ('corrmatch', None, 'threshold, correlation.* (11)'),
    ],
)
def test_semi_supervised(convert, root, tmp_path, method, network, dropped):
    trained = saved(leaf_of(root, method), tmp_path / 'run.pth')
    chosen = ['--network', network] if network else []
    code, out, error = convert('export', tmp_path / 'run.pth', tmp_path / 'out.pth', *chosen)
    assert code == 0, error
    assert '206 tensors mapped' in out and '0 missing' in out and dropped in out
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        wanted = getattr(trained, network or trained.predict_on)(image)
        torch.testing.assert_close(stock(tmp_path)(image), wanted, rtol=0, atol=0)

    code, _, error = convert(
        'export', tmp_path / 'run.pth', tmp_path / 'no.pth', '--network', 'ema'
    )
    assert code == 1 and "has no network 'ema'; --network can be ['student'" in error


def test_a_real_run_and_its_average(convert, root, tiny_data, monkeypatch):
    """SupOnly: what MMEngine saves is read without trust; ``ema`` is what the run evaluates."""
    monkeypatch.chdir(tiny_data.parent)
    config = leaf_of(root, 'suponly')
    config.train_cfg.update(max_iters=3, val_interval=3)
    config.param_scheduler.end = 3
    config.train_dataloader.dataset.benchmark = 'tiny'
    config.default_hooks.checkpoint.interval = 3
    config.update(work_dir='run', experiment_name='test_export', launcher='none')
    runner = Runner.from_cfg(config)
    runner.train()
    (hook,) = (hook for hook in runner.hooks if type(hook).__name__ == 'EMAHook')
    scored = runner.message_hub.get_scalar('val/mIoU').current()

    folder = Path()
    for network, source in (('model', runner.model), ('ema', hook.ema_model.module)):
        args = ['--network', network] if network == 'model' else []
        code, out, error = convert('export', 'run/iter_3.pth', f'{network}.pth', *args)
        assert code == 0, error
        assert f'{network} (' in out and '206 dropped: ' in out
        exported = stock(folder, network).state_dict()
        for name, value in source.state_dict().items():
            assert torch.equal(exported[name], value), name
    meta = torch.load('ema.pth', weights_only=True)['meta']
    assert meta['dataset_meta']['classes'][:2] == ['background', 'disc'] and meta['iter'] == 3

    config = Config.fromfile('ema.py')
    config.update(
        work_dir='scored', load_from='ema.pth', experiment_name='test_export_2', launcher='none'
    )
    assert not config.get('custom_hooks') and not config.get('train_dataloader')
    assert Runner.from_cfg(config).test()['mIoU'] == scored


def test_a_config_that_does_not_fit(convert, root, tmp_path):
    config = leaf_of(root, 'cutmix')
    saved(config, tmp_path / 'run.pth')
    config.model.student.decode_head.num_classes = 4
    config.dump(tmp_path / 'other.py')
    arguments = ('export', tmp_path / 'run.pth', tmp_path / 'out.pth', '--config')
    code, _, error = convert(*arguments, tmp_path / 'other.py')
    assert code == 1 and 'does not fit EncoderDecoder of the config other.py' in error
    assert '(6, 64, 1, 1) instead of (4, 64, 1, 1)' in error
    config.model.student.type = 'Unknown'
    config.dump(tmp_path / 'unknown.py')
    code, _, error = convert(*arguments, tmp_path / 'unknown.py')
    assert code == 1 and 'cannot build the Unknown' in error and '\n' not in error
    leaf_of(root, 'suponly').dump(tmp_path / 'plain.py')
    code, _, error = convert(*arguments, tmp_path / 'plain.py')
    assert code == 1 and 'holds a semi-supervised segmentor' in error


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('__import__("os").mkdir("owned")', 'more than plain values'),
        ('model = dict(type=open("owned", "w"))', 'more than plain values'),
        ('model = dict(backbone=dict(type="os.mkdir", path="owned"))', "imports 'os.mkdir'"),
        ('custom_imports = dict(imports=["theirs"])', "imports 'theirs'"),
        (None, 'has no config of a run'),
    ],
)
def test_a_config_in_a_checkpoint_is_not_executed(tmp_path, monkeypatch, text, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=words) as error:
        run_config(dict(meta=dict(cfg=text)), 'run.pth')
    assert '--config' in str(error.value) and not list(tmp_path.iterdir())


def test_the_config_of_every_leaf_is_read_back(root):
    """As MMEngine writes it into a checkpoint: keys, nesting, tuples and all."""
    leaves = sorted(root.glob('configs/*/*_shapes_12-96.py'))
    for leaf in leaves:
        config = Config.fromfile(leaf)
        again = run_config(dict(meta=dict(cfg=config.pretty_text)), 'run.pth')
        assert again.to_dict() == config.to_dict()
    assert len(leaves) >= 3


@pytest.mark.slow
def test_mim_test(convert, root, tiny_data):
    folder = tiny_data.parent
    config = leaf_of(root, 'cutmix')
    saved(config, folder / 'run.pth')
    assert convert('export', folder / 'run.pth', folder / 'out.pth')[0] == 0
    mim = Path(sys.executable).with_name('mim')
    run = subprocess.run(
        [mim, 'test', 'mmseg', 'out.py', '--checkpoint', 'out.pth', '--gpus', '0'],
        cwd=folder,
        env={**os.environ, 'PYTHONPATH': str(root), 'CUDA_VISIBLE_DEVICES': ''},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert 'mIoU: ' in run.stdout + run.stderr and 'missing keys' not in run.stdout + run.stderr
