"""Files from others are data: whatever they hold, nothing of it runs, and one line says so.

Archives: `test_datasets/test_prepare_archive.py`. Pickled permutations:
`test_datasets/test_prepare_permutation.py`. The converter's inputs:
`test_checkpoints/test_bad_files.py`.
"""

import ast
import gc
import http.server
import json
import os
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import mmseg
import pytest
import torch
from bare_runs import make_bare
from hostile import Code
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader, _load_checkpoint
from yapf.yapflib import yapf_api

from mmseg_plugins.checkpoints import load_file, run_config
from mmseg_plugins.errors import UserError
from mmseg_plugins.launch.run import Run
from mmseg_plugins.results.runs import gather


@pytest.fixture
def owned(tmp_path):
    """The folder that hostile content would make; it must not be there at the end."""
    yield tmp_path / 'owned'
    assert not (tmp_path / 'owned').exists(), 'code was executed'


@pytest.fixture
def hostile(tmp_path, owned):
    path = tmp_path / 'iter_5.pth'
    torch.save(dict(state_dict=dict(a=torch.ones(1)), meta=dict(x=Code(owned))), path)
    return path


@pytest.fixture
def served(tmp_path):
    """The URL of the folder on a local server."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()


@pytest.fixture
def leaf(root, tiny_data, monkeypatch):
    """The config of a training of one iteration on tiny data."""
    monkeypatch.chdir(tiny_data.parent)
    # what costs most in a short run
    monkeypatch.setattr(gc, 'collect', lambda *args: 0)
    monkeypatch.setattr(yapf_api, 'FormatCode', lambda text, **kwargs: (text, False))
    (path,) = (root / 'configs/suponly').glob('suponly_*_shapes_12-96.py')
    cfg = Config.fromfile(path)
    cfg.train_dataloader.dataset.benchmark = 'tiny'
    cfg.train_cfg.update(max_iters=1, val_interval=5)
    cfg.default_hooks.checkpoint.interval = 1
    cfg.train_dataloader.batch_size, cfg.train_dataloader.sampler.source_ratio = 2, [2]
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
    cfg.work_dir = str(tiny_data.parent / 'run')
    return cfg


def test_every_way_a_training_loads_a_file(leaf, hostile):
    leaf.load_from = str(hostile)
    for resume in (False, True):
        leaf.resume = resume
        with pytest.raises(UserError, match='holds pickled code') as raised:
            Runner.from_cfg(leaf).train()
        assert '\n' not in str(raised.value)
    leaf.load_from = None
    Path(leaf.work_dir, hostile.name).write_bytes(hostile.read_bytes())
    with pytest.raises(UserError, match='no checkpoint .* can be resumed: .* pickled code'):
        Runner.from_cfg(leaf).train()
    leaf.resume = False
    leaf.load_from = str(hostile)
    with pytest.raises(UserError, match='holds pickled code'):
        Runner.from_cfg(leaf).test()
    leaf.load_from = None
    leaf.model.backbone.init_cfg = dict(type='Pretrained', checkpoint=str(hostile))
    with pytest.raises(UserError, match='holds pickled code'):
        Runner.from_cfg(leaf).train()


def test_every_scheme(hostile, served, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    monkeypatch.setenv('MMENGINE_HOME', str(tmp_path))
    urls = dict(evil=f'{served}/{hostile.name}', here=hostile.name)
    for table in ('get_torchvision_models', 'get_external_models', 'get_mmcls_models'):
        monkeypatch.setattr(mmengine_checkpoint, table, lambda: urls)
    names = [f'{served}/{hostile.name}', 'torchvision://evil', 'modelzoo://evil', 'mmcls://evil']
    names += ['open-mmlab://evil', 'openmmlab://evil', 'open-mmlab://here', str(hostile)]
    for name in names:
        with pytest.raises(UserError, match='holds pickled code'):
            _load_checkpoint(name)
    for name in ('s3://bucket/a.pth', 'petrel://a.pth', 'pavi://a', 'x:s3://bucket/a.pth'):
        with pytest.raises(UserError, match='copy the file here'):
            _load_checkpoint(name)
    with pytest.raises(UserError, match='cannot download .*404'):
        _load_checkpoint(f'{served}/absent.pth')
    with pytest.raises(UserError, match='names no file'):
        _load_checkpoint(f'{served}/..')
    assert not list((tmp_path / 'hub').glob('*/absent*'))
    # each loader that MMEngine has is one that was tried here
    schemes = 'https?|modelzoo|torchvision|open-?mmlab|mmcls|pavi|.*s3|.*petrel|weights'
    ours = {loader for loader in CheckpointLoader._schemes.values()}
    modules = {loader.__module__.partition('.')[0] for loader in ours}
    assert modules == {'mmseg_plugins', 'mmengine'}, schemes
    assert len(CheckpointLoader._schemes) == 12, 'MMEngine has another loader: is it strict?'


def test_a_checkpoint_cannot_name_what_is_run_or_removed(leaf, owned, tmp_path):
    """Its config is not run, and what it says to be old checkpoints are files of the work dir."""
    mine, base = tmp_path / 'mine.pth', tmp_path / 'base.py'
    mine.write_text('mine')
    base.write_text(f'import os\nos.mkdir({str(owned)!r})\n')
    Runner.from_cfg(leaf).train()
    good = Path(leaf.work_dir, 'iter_1.pth')
    for config in (f'import os\nos.mkdir({str(owned)!r})', f'_base_ = {str(base)!r}', 'x = 1'):
        saved = load_file(good)
        saved['meta'].update(config=config, validated=0)
        saved['message_hub']['runtime_info'].update(
            best_ckpt=str(mine), best_score=-1.0, keep_ckpt_ids=['../../mine', 7, 1]
        )
        saved['message_hub']['resumed_keys'].update(
            best_ckpt=True, best_score=True, keep_ckpt_ids=True
        )
        torch.save(saved, tmp_path / 'hostile.pth')
        leaf.update(load_from=str(tmp_path / 'hostile.pth'), resume=True)
        Runner.from_cfg(leaf).train()  # makes up for the validation; its score is the best
        assert mine.exists()


def test_configs_in_checkpoints_and_records_are_not_run(owned, tmp_path):
    for text in (
        f'import os\nos.mkdir({str(owned)!r})',
        f'x = __import__("os").mkdir({str(owned)!r})',
        f'protocol = [os.mkdir(x) for x in [{str(owned)!r}]]',
        f'@__import__("os").mkdir\ndef f(): {str(owned)!r}',
    ):
        with pytest.raises(UserError, match='more than plain values'):
            run_config(dict(meta=dict(cfg=text)), 'x.pth')
        folder = make_bare(tmp_path / 'runs', config=text + '\nprotocol = dict(cell="a")')
        (reason,) = (reason for _, reason in gather([tmp_path / 'runs']).broken)
        assert 'plain values' in reason
        # the launcher compares the config of an earlier start with the one it is to train
        run = Run(tmp_path / 'leaf.py', 0, tmp_path / 'runs')
        (tmp_path / 'leaf.py').write_text('x = 1')
        state = type('State', (), dict(dumped_config=folder / 'vis_data/config.py'))
        assert 'cannot be compared' in run._config_change(state)
        for path in sorted((tmp_path / 'runs').rglob('*'), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()


def test_records_are_json_and_nothing_else(owned, tmp_path):
    code = f'__import__("os").mkdir({str(owned)!r})'
    folder = make_bare(tmp_path / 'runs')
    for name, text in {
        'run.json': code,
        'vis_data/scalars.json': json.dumps(dict(step=1, mIoU=code)) + '\n' + code + '\n',
    }.items():
        (folder / name).write_text(text)
        assert gather([tmp_path / 'runs']).broken
        (folder / name).unlink()


@pytest.mark.slow
def test_the_stock_test_script(leaf, hostile, root):
    leaf.dump(hostile.with_name('config.py'))
    script = Path(mmseg.__file__).with_name('.mim') / 'tools/test.py'
    ended = subprocess.run(
        [sys.executable, script, hostile.with_name('config.py'), hostile],
        env={**os.environ, 'PYTHONPATH': str(root)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 1
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith('error: ') and 'holds pickled code' in last


# Where a word that can run things may stand, and why.
ALLOWED = {
    'mmseg_plugins/datasets/prepare/permutation.py': {'pickle'},  # an unpickler of arrays alone
    'mmseg_plugins/checkpoints/load.py': {'pickle'},  # the name of an error
}
FORBIDDEN_CALLS = {'eval', 'exec', 'compile', '__import__', 'fromstring', 'system', 'popen'}
PICKLES = {'pickle', 'dill', 'cloudpickle', 'joblib', 'marshal', 'shelve'}


def risks(path):
    """What in a source file could run foreign content."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, 'module', None) or '']
            found |= {name.partition('.')[0] for name in names} & PICKLES
        if not isinstance(node, ast.Call):
            continue
        keywords = {keyword.arg: getattr(keyword.value, 'value', None) for keyword in node.keywords}
        name = getattr(node.func, 'id', None) or getattr(node.func, 'attr', None)
        owner = getattr(getattr(node.func, 'value', None), 'id', None)
        # `re.compile` and a model's `.eval()` are no calls of these
        if name in FORBIDDEN_CALLS and (owner in (None, 'builtins', 'os', 'Config')):
            if isinstance(node.func, ast.Name) or owner:
                found.add(name)
        if keywords.get('shell') or keywords.get('allow_pickle'):
            found.add('shell' if keywords.get('shell') else 'allow_pickle')
        if (owner, name) == ('torch', 'load') and keywords.get('weights_only') is not True:
            found.add('torch.load')
        if owner == 'yaml' and name in ('load', 'load_all', 'full_load', 'unsafe_load'):
            found.add('yaml.load')
        if name in ('extractall', 'unpack_archive'):
            found.add(name)
    return found


def test_no_call_runs_what_it_reads(root):
    found = {
        path.relative_to(root).as_posix(): names
        for folder in ('mmseg_plugins', 'tools')
        for path in (root / folder).rglob('*.py')
        if (names := risks(path))
    }
    assert found == ALLOWED
    for call in ('eval(x)', 'torch.load(x)', 'import pickle', 'run(x, shell=True)'):
        assert risks(type('Text', (), dict(read_text=lambda call=call: call)))
