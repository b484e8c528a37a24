"""What papers say: import the table once, assign the cells, read it back."""

import re
from pathlib import Path

import pandas as pd

from mmseg_plugins.errors import UserError

COLUMNS = (
    'benchmark dataset split_name n_labeled n_unlabeled method architecture backbone crop_size '
    'metric value unit target evidence source notes'
).split()

# Names that a paper or a README gives to one of our methods. A re-run that changes the recipe
# or draws its own lists has another name and is not here.
METHODS = {
    'SupOnly': 'suponly',
    'Sup-only': 'suponly',
    'SupBaseline': 'suponly',
    'SupBaseline (CNN)': 'suponly',
    'Labeled-only': 'suponly',
    'Baseline (supervised)': 'suponly',
    'CutMix': 'cutmix',
    'CutMix-Seg': 'cutmix',
    'CutMix-Seg (Range View)': 'cutmix',
    'CutMix + strong colour aug': 'cutmix-colour',
    'CutOut': 'cutout',
    'CutOut + strong colour aug': 'cutout-colour',
    'CorrMatch': 'corrmatch',
    'CorrMatch (first release)': 'corrmatch',
}
NETWORKS = {
    ('DeepLabv2', 'ResNet-101'): 'deeplabv2-r101',
    ('DeepLabv3+', 'ResNet-101'): 'deeplabv3plus-r101',
    ('FIDNet', 'FIDNet ResNet34-point'): 'fidnet',
}
BENCHMARK = re.compile(
    r'voc_(classic|cps|u2pl|french)_\d+|cityscapes_(cps|u2pl|french)_\d+|cityscapes_stpp_100'
    r'|ade20k_unimatch_\d+|(semantickitti|nuscenes|scribblekitti)_\d+pct'
)
# Where the list or the network that a number was measured with is only presumed, it ranks nothing.
PRESUMED = re.compile(r'presumed|not verified|taken to be|inferred, not read', re.IGNORECASE)


def cell_of(row: pd.Series) -> str:
    """The cell of a published row.

    Args:
        row (pd.Series): A row of the table.

    Returns:
        str: ``<benchmark>/<method>/<network>``, or nothing when the method, the network or the
        benchmark is not ours.
    """
    method = METHODS.get(row['method'])
    network = NETWORKS.get((row['architecture'], row['backbone']))
    ours = BENCHMARK.fullmatch(row['benchmark']) and row['metric'] == 'mIoU'
    return f'{row["benchmark"]}/{method}/{network}' if ours and method and network else ''


def import_published(source: str | Path) -> pd.DataFrame:
    """Import a table of published numbers.

    Args:
        source (str | Path): A CSV file with the columns of :data:`COLUMNS`.

    Returns:
        pd.DataFrame: The rows in their order, as text, without those whose evidence is "from
        memory", with the column ``cell`` first.

    Raises:
        UserError: If the file is missing, lacks a column, or has a value that is no number.
    """
    table = _read(source, COLUMNS)
    table = table.loc[table['evidence'] != 'from memory', COLUMNS].reset_index(drop=True)
    table.insert(0, 'cell', [cell_of(row) for _, row in table.iterrows()])
    return table


def read_published(results: str | Path | None = None) -> pd.DataFrame:
    """Read ``published.csv``.

    Args:
        results (str | Path, optional): The results folder. Where it has no such file, the one of
            the package is read, in a checkout or installed. Defaults to None.

    Returns:
        pd.DataFrame: The table, ``value`` as number and the rest as text; empty when there is none.

    Raises:
        UserError: If the file cannot be read, lacks a column, or has a value that is no number.
    """
    package = Path(__file__).resolve().parents[1]
    folders = [package / '.mim' / 'results', package.parent / 'results']
    if results is not None:
        folders.insert(0, Path(results))
    for path in (folder / 'published.csv' for folder in folders):
        if path.exists():
            table = _read(path, ['cell', *COLUMNS])
            return table.assign(value=pd.to_numeric(table['value']))
    return pd.DataFrame(columns=['cell', *COLUMNS])


def _read(path: str | Path, columns: list[str]) -> pd.DataFrame:
    """Read a CSV file as text and check its columns and values."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding='utf-8')
    except (OSError, ValueError) as error:
        reason = getattr(error, 'strerror', None) or str(error).strip().splitlines()[0]
        raise UserError(f'{path} cannot be read: {reason}; pass a published.csv') from error
    if missing := [name for name in columns if name not in table]:
        raise UserError(f'{path} lacks the column(s) {", ".join(missing)}; pass a published.csv')
    bad = ~pd.to_numeric(table['value'], errors='coerce').between(0, 100)
    if bad.any():
        raise UserError(
            f'{path}, data row {bad.idxmax() + 1}: value {table["value"][bad.idxmax()]!r} is no '
            'number from 0 to 100; write it in percent'
        )
    return table
