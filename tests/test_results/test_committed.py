"""What is committed below results/ and configs/ is what runs.csv gives, byte for byte."""

import importlib.metadata
import re

import pytest

from mmseg_plugins.results.cells import COLUMNS as CELLS
from mmseg_plugins.results.cells import cell_table, read_leaves
from mmseg_plugins.results.metafiles import metafiles
from mmseg_plugins.results.outputs import LEFT_OUT, leaderboard_files
from mmseg_plugins.results.published import COLUMNS as PUBLISHED
from mmseg_plugins.results.published import read_published
from mmseg_plugins.results.table import COLUMNS as RUNS
from mmseg_plugins.results.table import read_table

# What decides how a number or a table is written.
WRITERS = ('pandas', 'numpy', 'tabulate', 'pyyaml')


@pytest.fixture(scope='module')
def same_versions(root):
    """Whether the writers are those of constraints.txt."""
    pinned = dict(re.findall(r'^([\w-]+)==(\S+)', (root / 'constraints.txt').read_text(), re.M))
    pinned = {name.lower(): version for name, version in pinned.items()}
    return all(importlib.metadata.version(name) == pinned[name] for name in WRITERS)


def words(text):
    """The data of a text: its words, without rules and the padding of tables."""
    return [word for word in re.split(r'[\s|]+', text) if word.strip(':-')]


def compare(path, text, same_versions):
    hint = f'{path.name}: run tools/make_leaderboard.py and tools/make_metafiles.py'
    assert path.is_file(), hint
    if same_versions:
        assert path.read_bytes() == text.encode(), hint
    else:
        assert words(path.read_text(encoding='utf-8')) == words(text), hint


def test_the_leaderboard(root, same_versions):
    results = root / 'results'
    files = leaderboard_files(
        read_table(results / 'runs.csv'), read_published(results), read_leaves(root / 'configs')
    )
    assert set(files) == {'leaderboard.md', 'leaderboard.tex', 'leaderboard.csv'}
    for name, text in files.items():
        compare(results / name, text, same_versions)


def test_the_metafiles(root, same_versions):
    results = root / 'results'
    cells = cell_table(
        read_table(results / 'runs.csv'), read_published(results), read_leaves(root / 'configs')
    )
    for name, text in metafiles(cells).items():
        compare(root / name, text, same_versions)


def test_the_readme_defines_every_column(root):
    parts = (root / 'results' / 'README.md').read_text(encoding='utf-8').split('\n## ')
    files = {'runs.csv': RUNS, 'published.csv': ['cell', *PUBLISHED]}
    files['leaderboard.csv'] = [name for name in CELLS if name not in LEFT_OUT]
    for name, columns in files.items():
        (part,) = [part for part in parts if part.startswith(f'Columns of `{name}`')]
        firsts = re.findall(r'^\| (`.*?) \|', part, re.M)
        assert sorted(re.findall(r'`(\w+)`', ' '.join(firsts))) == sorted(columns), name


def test_data_are_compared_without_their_padding():
    assert words('| a   | 1.0 |\n|:----|----:|') == words('| a | 1.0 |\n|:--|--:|') == ['a', '1.0']
    assert words('| a | 1.0 |') != words('| a | 1.1 |')
