"""What is no checkpoint and what cannot be written: one line, nothing executed, nothing left."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hostile import Code
from mmengine.logging import HistoryBuffer

from mmseg_plugins.checkpoints import load_file, save_files
from mmseg_plugins.errors import UserError


@pytest.fixture
def good(tmp_path):
    torch.save(dict(a=torch.arange(1000.0)), tmp_path / 'good.pth')
    return tmp_path / 'good.pth'


def bad_files(folder, good):
    """Name of a bad file to words that its message has."""
    torch.save(dict(state_dict={}, extra=Code(folder / 'owned')), folder / 'code.pth')
    torch.save(
        dict(a=torch.zeros(1), extra=Code(folder / 'owned')),
        folder / 'old.pth',
        _use_new_zipfile_serialization=False,
    )
    content = good.read_bytes()
    (folder / 'half.pth').write_bytes(content[: len(content) // 2])
    (folder / 'empty.pth').write_bytes(b'')
    (folder / 'page.pth').write_text('<html>not found</html>')
    torch.save([1, 2], folder / 'list.pth')
    torch.save(dict(epoch=3), folder / 'numbers.pth')
    (folder / 'folder.pth').mkdir()
    return {
        'code.pth': 'pickled code',
        'old.pth': 'pickled code',
        'half.pth': 'truncated',
        'empty.pth': 'truncated',
        'page.pth': 'truncated or no PyTorch checkpoint',
        'list.pth': 'holds a list',
        'numbers.pth': 'has no state dict: its keys are epoch',
        'folder.pth': 'is a folder',
        'absent.pth': 'not found',
    }


def test_bad_inputs(convert, tmp_path, good):
    for name, words in bad_files(tmp_path, good).items():
        for command in ('backbone', 'corrmatch', 'export'):
            code, out, error = convert(command, tmp_path / name, tmp_path / 'out.pth')
            assert code == 1 and not out, name
            assert error.startswith('error: ') and words in error and name in error
            assert '\n' not in error
    assert not (tmp_path / 'owned').exists(), 'code was executed'
    assert not list(tmp_path.glob('*out*'))


def test_what_mmengine_and_the_reference_save_beside_weights(tmp_path):
    """Log buffers and numpy numbers are read without trust; methods are not taken."""
    hub = dict(loss=HistoryBuffer([1.0], [1]), when=np.float64(2), array=np.arange(3))
    torch.save(dict(state_dict=dict(a=torch.ones(1)), hub=hub), tmp_path / 'run.pth')
    loaded = load_file(tmp_path / 'run.pth')['hub']
    assert loaded['when'] == 2 and loaded['array'].tolist() == [0, 1, 2]
    assert type(loaded['loss']) is HistoryBuffer  # and can be saved again
    assert [values.tolist() for values in loaded['loss'].data] == [[1.0], [1]]
    assert all(map(callable, HistoryBuffer._statistics_methods.values()))


def test_bad_outputs(convert, tmp_path, good):
    (tmp_path / 'taken.pth').write_text('mine')
    (tmp_path / 'taken.py').write_text('mine')
    cases = {
        tmp_path / 'absent/out.pth': 'there is no folder',
        tmp_path: 'is a folder',
        tmp_path / 'taken.pth': 'give --force',
        good: 'it is the input',
    }
    for out, words in cases.items():
        code, _, error = convert('backbone', good, out, *(['--force'] if out == good else []))
        assert code == 1 and words in error and '\n' not in error
    code, _, error = convert(
        'export', good, tmp_path / 'x.pth', '--config-out', tmp_path / 'taken.py'
    )
    assert code == 1 and 'taken.py is there already' in error
    assert (tmp_path / 'taken.pth').read_text() == 'mine' and load_file(good)


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write everywhere')
def test_read_only_folder(convert, tmp_path, good):
    (tmp_path / 'closed').mkdir(mode=0o500)
    code, _, error = convert('backbone', good, tmp_path / 'closed/out.pth')
    assert code == 1 and 'is read-only' in error


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    replace = os.replace

    def full(source, target):
        if Path(target).suffix == '.pth':
            raise OSError(28, 'No space left on device')
        replace(source, target)

    monkeypatch.setattr(os, 'replace', full)
    with pytest.raises(UserError, match='out.pth: No space left on device'):
        save_files({tmp_path / 'out.py': 'text', tmp_path / 'out.pth': dict(a=torch.ones(1))})
    assert not list(tmp_path.iterdir())
