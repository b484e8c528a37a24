"""What a built wheel carries, and that a leaf trains from it without the checkout."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MIM = 'mmseg_plugins/.mim'


def run(*command, cwd, **kwargs):
    """Run a command without this environment's import path; its output is in the failure."""
    environment = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
    environment |= kwargs.pop('env', {})
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, text=True, capture_output=True
    )
    assert done.returncode == 0, f'{command}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}'
    return done.stdout


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    """The folder with the source distribution, and the wheel that was built from it."""
    pytest.importorskip('build', reason='the extra "dev" is not installed')
    place = tmp_path_factory.mktemp('packaging')
    # A copy of what is committed, with its links: a build writes into the folder of its setup.cfg.
    (place / 'tree').mkdir()
    for name in ('setup.cfg', 'pyproject.toml', 'LICENSE', 'README.md'):
        shutil.copy(ROOT / name, place / 'tree')
    for name in ('mmseg_plugins', 'configs', 'results'):
        skipped = shutil.ignore_patterns('__pycache__')
        shutil.copytree(ROOT / name, place / 'tree' / name, symlinks=True, ignore=skipped)
    run(
        sys.executable,
        '-m',
        'build',
        '--no-isolation',
        '-o',
        place / 'dist',
        place / 'tree',
        cwd=place,
    )
    return place / 'dist'


def expected_files():
    """Every config file of the checkout, below ``.mim/configs``, and the published table."""
    configs = {
        f'{MIM}/{path.relative_to(ROOT).as_posix()}'
        for path in (ROOT / 'configs').rglob('*')
        if path.is_file()
        and path.suffix in ('.py', '.yml', '.md')
        and '__pycache__' not in path.parts
    }
    assert f'{MIM}/configs/matrix.yml' in configs and len(configs) > 10
    modules = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / 'mmseg_plugins').rglob('*.py')
        if '.mim' not in path.parts
    }
    return configs | modules | {f'{MIM}/results/published.csv'}


def test_wheel_carries_package_configs_and_published_table(built):
    (wheel,) = built.glob('*.whl')
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        published = archive.read(f'{MIM}/results/published.csv')
    assert expected_files() <= names, sorted(expected_files() - names)
    assert published == (ROOT / 'results' / 'published.csv').read_bytes()
    assert not [name for name in names if name.startswith(('tests', 'tools', 'configs', 'data'))]


def test_source_distribution_carries_files_not_links(built):
    (sdist,) = built.glob('*.tar.gz')
    with tarfile.open(sdist) as archive:
        members = {member.name.partition('/')[2]: member for member in archive}
    assert expected_files() <= set(members)
    assert not [name for name, member in members.items() if member.issym() or member.islnk()]


@pytest.mark.slow  # downloads torch
def test_a_leaf_trains_from_the_installed_wheel(built, tmp_path):
    (wheel,) = built.glob('*.whl')
    venv.create(tmp_path / 'venv', with_pip=True)
    python = tmp_path / 'venv' / 'bin' / 'python'
    run(python, '-m', 'pip', 'install', '-q', '-c', ROOT / 'constraints.txt', wheel, cwd=tmp_path)

    # Below the checkout's tools only the script itself comes from the checkout.
    run(python, ROOT / 'tools' / 'prepare_data.py', 'shapes', cwd=tmp_path)
    where = 'import mmseg_plugins; print(mmseg_plugins.__path__[0])'
    package = Path(run(python, '-c', where, cwd=tmp_path).splitlines()[-1])
    assert package.is_relative_to(tmp_path)

    (leaf,) = package.glob('.mim/configs/corrmatch/*r18n*shapes_12-96.py')
    options = ('train_cfg.max_iters=4', 'train_cfg.val_interval=4', 'randomness.seed=3')
    run(
        *(tmp_path / 'venv' / 'bin' / 'mim', 'train', 'mmseg', leaf, '--gpus', 0),
        *('--work-dir', tmp_path / 'work', '--cfg-options', *options),
        cwd=tmp_path,
        env={'OMP_NUM_THREADS': '2', 'CUDA_VISIBLE_DEVICES': ''},
    )
    (record,) = (tmp_path / 'work').glob('*/run.json')
    record = json.loads(record.read_text())
    assert (record['status'], record['iters_done'], record['seed']) == ('finished', 4, 3)
    assert record['metrics']['last']['mIoU'] >= 0
