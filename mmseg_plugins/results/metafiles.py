"""``metafile.yml`` of each method and ``model-index.yml``, from which ``mim search`` reads."""

import pandas as pd
import yaml

from mmseg_plugins.results.cells import MEASURED

HEADER = '# Written by tools/make_metafiles.py from results/runs.csv; do not edit.\n'
TASK = 'Semantic Segmentation'
# folder below configs/: name of the collection and its paper
COLLECTIONS = {
    'suponly': ('SupOnly', None),
    'cutmix': (
        'CutMix',
        {
            'Title': 'Semi-supervised semantic segmentation needs strong, varied perturbations',
            'URL': 'https://arxiv.org/abs/1906.01916',
        },
    ),
    'corrmatch': (
        'CorrMatch',
        {
            'Title': 'CorrMatch: Label Propagation via Correlation Matching for Semi-Supervised '
            'Semantic Segmentation',
            'URL': 'https://arxiv.org/abs/2306.04300',
        },
    ),
}


def metafiles(cells: pd.DataFrame) -> dict[str, str]:
    """The metafiles of what was measured.

    A model is a config with runs that count; its metrics are the means of ``leaderboard.md``. No
    weights are published, so none are named.

    Args:
        cells (pd.DataFrame): From :func:`cells.cell_table` with the leaves of the matrix; rows of
            other configs have no file to name and are left out.

    Returns:
        dict[str, str]: Path below the root of the checkout to YAML text; the form is that of
        mmseg's own ``metafile.yaml``.
    """
    measured = cells[cells['status'] == MEASURED].to_dict('records')
    texts = {}
    for folder, (name, paper) in COLLECTIONS.items():
        rows = [row for row in measured if row['in_matrix'] and row['path'].split('/')[1] == folder]
        collection = {
            'Name': name,
            'License': 'Apache License 2.0',
            # mim cannot read an empty list
            'Metadata': {'Training Data': sorted({row['dataset'] for row in rows})}
            if rows
            else None,
            'Paper': paper,
            'README': f'configs/{folder}/README.md',
            'Frameworks': ['PyTorch'],
        }
        content = {'Collections': [_stated(collection)]}
        if rows:
            content['Models'] = [_model(row, name, paper) for row in rows]
        texts[f'configs/{folder}/metafile.yml'] = _yaml(content)
    texts['model-index.yml'] = _yaml({'Import': list(texts)})
    return texts


def _model(row: dict, collection: str, paper: dict | None) -> dict:
    """A model of the index, from a row of the table of cells."""
    protocol, images = row['protocol'], row['labelled']
    batch = [protocol.get(f'{stream}_batch') for stream in ('labelled', 'unlabelled')]
    metadata = {
        'Training Data': row['dataset'],
        'Benchmark': row['benchmark'],
        'Labelled Images': int(images) if images == images else None,
        'Architecture': row['network'],
        'Method': row['method'],
        'Batch Size': None if None in batch else sum(batch) * protocol.get('gpus', 1),
        'Iterations': int(row['iterations']),
        'Runs': row['n'],
        'Scored On': protocol.get('predict_on'),
        'Training Resources': f'{row["world_size"]:.0f}x {row["device"]}',
    }
    metrics = {
        'mIoU': _rounded(row['last_mean']),
        'mIoU std': _rounded(row['last_std']),
        'mIoU best': _rounded(row['best_mean']),
    }
    return _stated(
        {
            'Name': row['config'],
            'In Collection': collection,
            'Results': [{'Task': TASK, 'Dataset': row['dataset'], 'Metrics': _stated(metrics)}],
            'Config': row['path'],
            'Metadata': _stated(metadata),
            'Paper': paper,
            'Framework': 'PyTorch',
        }
    )


def _rounded(value: float) -> float | None:
    return round(float(value), 2) if value == value else None


def _stated(values: dict) -> dict:
    return {key: value for key, value in values.items() if value is not None}


class _Dumper(yaml.SafeDumper):
    """Without anchors: what occurs twice is written twice."""

    def ignore_aliases(self, data) -> bool:
        return True


def _yaml(content: dict) -> str:
    return HEADER + yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )
