"""A write that fails leaves the old file, and nothing else."""

import os

import pytest

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.atomic import write_atomic, write_output


@pytest.mark.parametrize(('write', 'kind'), [(write_atomic, OSError), (write_output, UserError)])
def test_a_failed_write_changes_nothing(tmp_path, monkeypatch, write, kind):
    path = tmp_path / 'a' / 'table.csv'
    write(path, 'old\n')

    def full(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'replace', full)
    with pytest.raises(kind, match='No space left on device'):
        write(path, 'new\n')
    assert [p.name for p in path.parent.iterdir()] == ['table.csv']
    assert path.read_bytes() == b'old\n'


def test_an_unchanged_output_is_left_alone(tmp_path, monkeypatch):
    write_output(tmp_path / 'x', 'same')
    monkeypatch.setattr(os, 'replace', None)  # a write would fail
    write_output(tmp_path / 'x', 'same')
