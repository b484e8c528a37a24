"""One table of all cells: what was measured, what is published, what is still to run."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mmseg_plugins.datasets.prepare.lists import label_seeds
from mmseg_plugins.errors import UserError
from mmseg_plugins.matrix import Leaf, load_matrix, matrix_leaves
from mmseg_plugins.results.batch import batch_deviations
from mmseg_plugins.results.commands import cell_command
from mmseg_plugins.results.comparison import compare, ranks, tolerance, verdict
from mmseg_plugins.results.statistics import (
    dataset_of,
    family_of,
    judge,
    method_rank,
    on_gpu,
    summarise,
)
from mmseg_plugins.results.throughput import estimate_gpu_hours, gpu_throughput

MEASURED, TO_RUN, NO_CONFIG = 'measured', 'not run yet', 'no config yet'
NO_NUMBER = float('nan')
COLUMNS = (
    'cell dataset family benchmark labelled method network config path in_matrix command status '
    'n seeds label_seeds last_mean last_std best_mean best_std rule own_mean own_std published '
    'published_range published_source published_evidence published_notes published_ranks target '
    'difference difference_last verdict reason deviations tolerance gpu_hours iterations wall_s '
    'world_size device protocol rank_last rank_own'
).split()


def cell_table(
    runs: pd.DataFrame, published: pd.DataFrame, leaves: Sequence[Leaf] | None = None
) -> pd.DataFrame:
    """Join runs, published numbers and the config matrix on the cell.

    One row per cell and config with runs that count (:func:`statistics.judge`); with ``leaves``
    also one per primary leaf without such runs, and one per number to reach without a config.

    Args:
        runs (pd.DataFrame): ``runs.csv`` as :func:`table.read_table` gives it.
        published (pd.DataFrame): ``published.csv`` as :func:`published.read_published` gives it.
        leaves (Sequence[Leaf], optional): The config matrix, :func:`read_leaves`. Defaults to
            None: only what was measured.

    Returns:
        pd.DataFrame: The columns of :data:`COLUMNS`, by data set, list family, labelled images,
        method, network and iterations; NaN or an empty text where something is not known.
        ``rule`` is ``'last'`` or ``'best'``, the selection of the paper (else of the config; empty
        without one), and ``own_mean`` our mean by it; ``difference`` is ``own_mean`` less
        ``published``. ``verdict`` is ``'within'``, ``'below'`` or ``'above'`` the ``tolerance``,
        ``'not comparable'`` because of ``reason`` (differing protocol fields), or empty.
        ``deviations`` are differences that do not prevent comparing. ``published_range`` is that of
        all published rows of the cell that rank, e.g. ``'43.92–48.3'``. ``seeds`` and
        ``label_seeds`` are lists, ``protocol`` is a dict, ``in_matrix`` says whether the config is
        a leaf. ``gpu_hours`` are measured, or for a cell to run estimated for one run. The ranks (1
        is best) are within a benchmark and network, by last and by ``own_mean``.
    """
    runs = judge(runs)
    # Rows of others have no cell, and neither has a run that names none: they are no pair.
    groups = published[published['cell'] != ''].groupby('cell')
    by_cell = {cell: rows.to_dict('records') for cell, rows in groups}
    leaf_of = {Path(leaf.name).stem: leaf for leaf in leaves or ()}
    summary = summarise(runs)
    rows = []
    for run in summary.to_dict('records'):
        rows.append(_measured(run, by_cell.get(run['cell'], []), leaf_of.get(run['config'])))
    if leaves is not None:
        rows += _unmeasured(leaves, set(summary['config']), by_cell, gpu_throughput(runs))
    table = pd.DataFrame(rows, columns=COLUMNS)
    kinds = dict.fromkeys(('in_matrix', 'target', 'published_ranks'), bool)
    table = table.astype(kinds | {'labelled': float, 'n': int})
    groups = table.groupby(['benchmark', 'network'])
    table['rank_last'] = groups['last_mean'].rank(ascending=False, method='min')
    table['rank_own'] = groups['own_mean'].rank(ascending=False, method='min')
    order = ['dataset', 'family', 'labelled', 'benchmark', '_rank', 'method', 'network']
    order += ['iterations', 'config']
    table['_rank'] = table['method'].map(method_rank)
    return table.sort_values(order, kind='stable').drop(columns='_rank').reset_index(drop=True)


def read_leaves(configs: str | Path | None = None) -> list[Leaf]:
    """The leaves of the config matrix.

    Args:
        configs (str | Path, optional): The folder of ``matrix.yml``. Defaults to None: the one of
            the package, in a checkout or installed.

    Returns:
        list[Leaf]: In the order of the matrix; empty where the package has none.

    Raises:
        UserError: If ``configs`` has no ``matrix.yml``.
    """
    if configs and not (Path(configs) / 'matrix.yml').is_file():
        raise UserError(f'{configs} has no matrix.yml; name the folder configs of a checkout')
    package = Path(__file__).resolve().parents[1]
    folders = [Path(configs)] if configs else [package.parent / 'configs', package / '.mim/configs']
    for folder in folders:
        if (folder / 'matrix.yml').is_file():
            return list(matrix_leaves(load_matrix(folder / 'matrix.yml')))
    return []


def _measured(run: dict, rows: list[dict], leaf: Leaf | None) -> dict:
    """The row of a cell and config with runs, from a row of :func:`summarise`."""
    protocol = json.loads(run['protocol'] or '{}')
    path = f'configs/{leaf.name}' if leaf else _usual_path(run['method'], run['config'])
    gpu = on_gpu(run['device'])
    return _row(
        **{name: run[name] for name in COLUMNS if name in run and name != 'protocol'},
        protocol=protocol,
        path=path,
        in_matrix=leaf is not None,
        status=MEASURED,
        command=cell_command(
            path,
            gpus=run['world_size'] if gpu else 0,
            seeds=run['seeds'],
            label_seeds=run['label_seeds'],
        ),
        gpu_hours=run['wall_s'] * run['world_size'] / 3600 if gpu else NO_NUMBER,
        rows=rows,
        protocols=run['protocols'],
    )


def _usual_path(method: str, config: str) -> str:
    return f'configs/{method}/{config}.py' if method else f'{config}.py'


def _unmeasured(
    leaves: Sequence[Leaf],
    measured: set[str],
    by_cell: dict[str, list[dict]],
    throughput: dict,
) -> list[dict]:
    """Rows of primary leaves without runs, and of numbers to reach without a leaf."""
    rows = []
    for leaf in leaves:
        protocol, stem = leaf.protocol, Path(leaf.name).stem
        if not protocol['primary'] or stem in measured:
            continue
        path = f'configs/{leaf.name}'
        rows.append(
            _row(
                **{name: protocol[name] for name in ('cell', 'benchmark', 'method', 'network')},
                labelled=protocol['labelled_images'],
                config=stem,
                path=path,
                in_matrix=True,
                status=TO_RUN,
                command=cell_command(path, _gpus(leaf), label_seeds=_label_seeds(protocol)),
                iterations=protocol['iterations'],
                protocol=protocol,
                gpu_hours=estimate_gpu_hours(leaf, throughput),
                rows=by_cell.get(protocol['cell'], []),
            )
        )
    known = {leaf.protocol['cell'] for leaf in leaves}
    for cell, members in by_cell.items():
        target = next((row for row in members if row['target']), None)
        if target and cell not in known:
            benchmark, method, network = [*cell.split('/'), '', ''][:3]
            labelled = pd.to_numeric(target['n_labeled'], errors='coerce')
            rows.append(
                _row(
                    cell=cell,
                    benchmark=benchmark,
                    method=method,
                    network=network,
                    labelled=labelled,
                    config='',
                    path='',
                    in_matrix=False,
                    status=NO_CONFIG,
                    command='',
                    protocol={},
                    rows=members,
                )
            )
    return rows


def _gpus(leaf: Leaf) -> int:
    """The GPUs of a run; none for the tiny settings, which are made for a processor."""
    return 0 if leaf.settings.get('memory') == 'CPU' else leaf.protocol['gpus']


def _label_seeds(protocol: dict) -> list[str]:
    """All label seeds of a benchmark that averages over them."""
    seed = protocol.get('label_seed')
    return [] if seed is None else list(map(str, label_seeds(protocol['benchmark']) or [seed]))


def _row(rows: list[dict], protocols: Sequence[dict] = (), **ours) -> dict:
    """A row with its published number."""
    protocol, labelled = ours['protocol'], ours['labelled']
    n = ours.get('n', 0)
    lists = len(ours.get('label_seeds', ())) or 1
    found = compare(rows, protocol, labelled, n or None, lists)
    spread = dict.fromkeys(text for one in protocols for text in batch_deviations(one))
    deviations = '; '.join([*found.deviations, *spread])
    row = {
        **{name: NO_NUMBER for name in COLUMNS if name.endswith(('_mean', '_std'))},
        **dict(iterations=NO_NUMBER, wall_s=NO_NUMBER, world_size=NO_NUMBER, gpu_hours=NO_NUMBER),
        **dict(n=0, seeds=[], label_seeds=[], device=''),
        **ours,
        'dataset': dataset_of(ours['benchmark']),
        'family': family_of(ours['benchmark']),
        'rule': found.rule if ours['config'] else '',
        'tolerance': tolerance(labelled),
    }
    row |= {f'own_{name}': row[f'{found.rule}_{name}'] for name in ('mean', 'std')}
    if found.row is None:
        empty = ('range', 'source', 'evidence', 'notes')
        return row | {
            **{f'published_{name}': '' for name in empty},
            **dict(published=NO_NUMBER, published_ranks=False, target=False),
            **dict(difference=NO_NUMBER, difference_last=NO_NUMBER),
            **dict(verdict='', reason='', deviations=deviations),
        }
    theirs = found.row
    comparable = n > 0 and not found.differing
    difference = row['own_mean'] - theirs['value'] if comparable else NO_NUMBER
    word = verdict(difference, row['tolerance']) if comparable else 'not comparable' if n else ''
    return row | {
        'published': theirs['value'],
        'published_range': _range(rows),
        'published_source': theirs['source'],
        'published_evidence': theirs['evidence'],
        'published_notes': theirs['notes'],
        'published_ranks': ranks(theirs),
        'target': theirs['target'] != '',
        'difference': difference,
        'difference_last': row['last_mean'] - theirs['value'] if comparable else NO_NUMBER,
        'verdict': word,
        'reason': '; '.join(found.differing),
        'deviations': deviations,
    }


def _range(rows: list[dict]) -> str:
    """The range of the published rows that rank, e.g. ``'43.92–48.3'``."""
    values = [row['value'] for row in rows if ranks(row)]
    if not values:
        return ''
    low, high = min(values), max(values)
    return f'{low:g}' if low == high else f'{low:g}–{high:g}'
