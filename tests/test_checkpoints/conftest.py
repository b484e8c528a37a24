"""The converter as a user calls it, and checkpoints with the reference's names and shapes."""

import json
import runpy
import sys
import zlib

import pytest
import torch


@pytest.fixture
def convert(root, monkeypatch, capsys):
    """Call the tool in this process: exit code, output, last line of the errors."""

    def run(*args):
        monkeypatch.setattr(sys, 'argv', ['convert_checkpoint.py', *map(str, args)])
        code, error = 0, ''
        try:
            runpy.run_path(str(root / 'tools/convert_checkpoint.py'), run_name='__main__')
        except SystemExit as end:
            code, error = (1, end.code) if isinstance(end.code, str) else (end.code, '')
        return code, capsys.readouterr().out, error

    return run


@pytest.fixture
def official(root):
    """An official CorrMatch state dict: each tensor holds its own number, in one element."""

    def build(depth=50, counters=True):
        manifest = root / 'tests/data/golden/corrmatch/weights_manifest.json'
        tensors = json.loads(manifest.read_text())['tensors']
        shapes = {tensor['name']: tensor['shape'] for tensor in tensors}
        if depth == 101:  # blocks 6 to 22 of the third stage are like block 5
            like = [name for name in shapes if name.startswith('backbone.layer3.5.')]
            for block in range(6, 23):
                for name in like:
                    shapes[name.replace('layer3.5', f'layer3.{block}')] = shapes[name]
        if counters:
            norms = [name for name in shapes if name.endswith('running_var')]
            shapes |= {name.replace('running_var', 'num_batches_tracked'): () for name in norms}
        return {name: number_of(name).expand(tuple(shape)) for name, shape in shapes.items()}

    return build


def number_of(name):
    """A number that only this name has."""
    return torch.tensor(zlib.crc32(name.encode()) / 2**8, dtype=torch.float64)


@pytest.fixture
def number():
    return number_of
