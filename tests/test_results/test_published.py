"""Published numbers: which rows have a cell, what is left out."""

import pandas as pd
import pytest

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.published import COLUMNS, cell_of, import_published, read_published

TARGETS = {
    'corrmatch/deeplabv3plus-r101': 'voc_classic_92 voc_classic_183 voc_classic_366 '
    'voc_classic_732 voc_classic_1464 cityscapes_cps_186 voc_u2pl_662 voc_u2pl_2646',
    'cutmix/deeplabv2-r101': 'cityscapes_french_100 cityscapes_french_372 cityscapes_french_744 '
    'voc_french_106 voc_french_212 voc_french_529 voc_french_1323',
    'cutmix/deeplabv3plus-r101': 'voc_french_106 voc_french_212 voc_french_529 voc_french_1323 '
    'ade20k_unimatch_631 ade20k_unimatch_1263',
    'cutmix/fidnet': ' '.join(
        f'{dataset}_{percent}pct'
        for dataset in ('scribblekitti', 'semantickitti', 'nuscenes')
        for percent in (1, 10, 20, 50)
    ),
}


def row(**changes):
    values = dict.fromkeys(COLUMNS, '') | {
        'benchmark': 'voc_classic_92',
        'method': 'CorrMatch',
        'architecture': 'DeepLabv3+',
        'backbone': 'ResNet-101',
        'metric': 'mIoU',
        'value': '76.4',
        'evidence': 'primary',
    }
    return values | changes


@pytest.mark.parametrize(
    ('changes', 'cell'),
    [
        ({}, 'voc_classic_92/corrmatch/deeplabv3plus-r101'),
        ({'method': 'SupBaseline'}, 'voc_classic_92/suponly/deeplabv3plus-r101'),
        ({'method': 'CutMix-Seg'}, 'voc_classic_92/cutmix/deeplabv3plus-r101'),
        (
            {'method': 'CutMix + strong colour aug'},
            'voc_classic_92/cutmix-colour/deeplabv3plus-r101',
        ),
        ({'method': 'CutMix-Seg (re-run by AEL)'}, ''),
        ({'method': 'Baseline (Mittal)'}, ''),
        ({'backbone': 'ResNet-50'}, ''),
        ({'benchmark': 'voc_ael_1_16'}, ''),
        ({'benchmark': 'voc_dmt_1_8'}, ''),
        ({'metric': 'IoU'}, ''),
    ],
)
def test_cells(changes, cell):
    assert cell_of(pd.Series(row(**changes))) == cell


def test_the_committed_table(root):
    table = read_published(root / 'results')
    assert 'from memory' not in set(table['evidence'])
    targets = table[table['target'] != '']
    expected = {
        f'{benchmark}/{rest}' for rest, names in TARGETS.items() for benchmark in names.split()
    }
    assert len(targets) == 33 and set(targets['cell']) == expected
    assert table['value'].notna().all() and (table['source'] != '').all()
    classic = targets[targets['cell'] == 'voc_classic_92/corrmatch/deeplabv3plus-r101']
    assert classic['value'].tolist() == [76.4]


def test_import(tmp_path):
    rows = [row(), row(evidence='from memory'), row(method='UniMatch', notes='a, "b"')]
    source = tmp_path / 'source.csv'
    pd.DataFrame(rows).to_csv(source, index=False)
    table = import_published(source)
    assert list(table.columns) == ['cell', *COLUMNS]
    assert table['method'].tolist() == ['CorrMatch', 'UniMatch'] and table['cell'][1] == ''
    assert table['notes'][1] == 'a, "b"' and table['value'][0] == '76.4'


def test_bad_sources(tmp_path):
    with pytest.raises(UserError, match='none.csv cannot be read: No such file'):
        import_published(tmp_path / 'none.csv')
    bad = tmp_path / 'bad.csv'
    pd.DataFrame([row()]).drop(columns='evidence').to_csv(bad, index=False)
    with pytest.raises(UserError, match=r'bad.csv lacks the column\(s\) evidence'):
        import_published(bad)
    pd.DataFrame([row(), row(value='7O')]).to_csv(bad, index=False)
    with pytest.raises(UserError, match="data row 2: value '7O' is no number from 0 to 100"):
        import_published(bad)
