"""The metafiles, read by mim itself."""

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from mim.commands import search
from mim.commands.search import convert2df, filter_by_conditions, filter_by_training_datasets
from modelindex.load_model_index import load

from mmseg_plugins.results.cells import cell_table, read_leaves
from mmseg_plugins.results.metafiles import metafiles
from mmseg_plugins.results.published import read_published
from mmseg_plugins.results.table import COLUMNS
from mmseg_plugins.results.table import as_text as text_of

CUTMIX = 'cutmix_deeplabv3plus-r18n_1xb8u8_shapes_12-96'
COLOUR = 'cutmix-colour_deeplabv2-r101_1xb10u10_voc_french_106-321'


@pytest.fixture(scope='module')
def leaves():
    return read_leaves()


def cells(leaves, *scores):
    """The table of cells where some leaves, or configs of no leaf, have runs."""
    rows = []
    for number, (config, last) in enumerate(scores):
        (leaf,) = [leaf for leaf in leaves if f'/{config}.py' in leaf.name] or leaves[:1]
        protocol = leaf.protocol
        values = {name: protocol[name] for name in ('cell', 'benchmark', 'method', 'network')}
        values |= dict(run_id=number, config=config, seed=number, status='finished')
        values |= dict(miou_last=last, miou_best=last + 1, world_size=1, device='A, 2 cores')
        values |= {f'iters_{name}': protocol['iterations'] for name in ('done', 'planned')}
        rows.append({name: text_of(values.get(name)) for name in COLUMNS})
        rows[-1]['protocol'] = text_of(protocol)
    runs = pd.DataFrame(rows, columns=COLUMNS, dtype=str)
    return cell_table(runs, read_published(), leaves)


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding='utf-8')
    return folder / 'model-index.yml'


def test_mim_finds_what_was_measured(leaves, tmp_path):
    table = cells(leaves, (CUTMIX, 40.0), (CUTMIX, 50.0), (COLOUR, 60.0), ('of no leaf', 70.0))
    models = convert2df(load(str(write(tmp_path, metafiles(table)))))
    assert set(models.index) == {CUTMIX, COLOUR}
    row = models.loc[CUTMIX]
    assert (row['shapes/miou'], row['shapes/miou_std'], row['runs']) == (45.0, 7.07, 2)
    assert row['config'] == f'configs/cutmix/{CUTMIX}.py'
    assert (row['model'], row['labelled_images'], row['batch_size']) == ('cutmix', 12, 16)
    found = filter_by_training_datasets(models, ['voc'])
    assert found.index.tolist() == [COLOUR]
    assert filter_by_conditions(models, 'labelled_images>100').index.tolist() == [COLOUR]


def test_mim_search_shows_them(leaves, tmp_path, monkeypatch):
    folder = write(tmp_path, metafiles(cells(leaves, (CUTMIX, 45.0), (COLOUR, 60.0)))).parent
    monkeypatch.setattr(search, 'is_installed', lambda package: package == 'mmseg-plugins')
    monkeypatch.setattr(search, 'get_installed_path', lambda package: str(folder))
    words = ['mmseg-plugins', '--dataset', 'shapes', '--field', 'labelled_images', 'shapes/miou']
    shown = CliRunner().invoke(search.cli, words)
    assert shown.exit_code == 0, shown.output
    assert f'config id: {CUTMIX}' in shown.output and COLOUR not in shown.output
    assert ['shapes/miou', '45.0'] in [line.split() for line in shown.output.splitlines()]


def test_every_name_is_a_file_of_the_checkout(leaves, root):
    files = metafiles(cells(leaves, (CUTMIX, 40.0), (COLOUR, 60.0)))
    for name in yaml.safe_load(files['model-index.yml'])['Import']:
        content = yaml.safe_load(files[name])
        for entry in content['Collections']:
            assert (root / entry['README']).is_file()
        for model in content.get('Models', []):
            assert (root / model['Config']).is_file()


def test_nothing_measured_is_still_an_index(leaves, tmp_path):
    files = metafiles(cells(leaves))
    assert 'Models' not in ''.join(files.values())
    assert convert2df(load(str(write(tmp_path, files)))).empty


def test_the_package_carries_the_index(root):
    link = root / 'mmseg_plugins' / '.mim' / 'model-index.yml'
    assert link.resolve() == (root / 'model-index.yml').resolve() and link.is_file()
    assert '.mim/model-index.yml\n' in (root / 'setup.cfg').read_text()
