"""Means over seeds and paired differences."""

import json

import pandas as pd

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.table import numeric

METHODS = ('suponly', 'cutmix', 'corrmatch')
GROUP = ['benchmark', 'method', 'network', 'cell', 'config']


def one_per_seed(table: pd.DataFrame) -> pd.DataFrame:
    """The runs that count: finished with a score, the latest start per config and seed.

    Args:
        table (pd.DataFrame): ``runs.csv``.

    Returns:
        pd.DataFrame: Those rows, with numbers as numbers.
    """
    runs = numeric(table)
    runs = runs[(runs['status'] == 'finished') & runs['miou_last'].notna()]
    runs = runs.sort_values(['started', 'run_id'])
    return runs.drop_duplicates([*GROUP, 'seed', 'label_seed'], keep='last')


def labelled_images(protocol: str) -> float:
    """The number of labelled images that a run's protocol states; NaN where it does not."""
    count = json.loads(protocol or '{}').get('labelled_images')
    return float('nan') if count is None else float(count)


def dataset_of(benchmark: str) -> str:
    """The data set of a benchmark, which is named ``<dataset>_<list family>_<count>``."""
    return benchmark.split('_')[0] or 'without a benchmark'


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Mean, sample standard deviation and n over seeds.

    Args:
        table (pd.DataFrame): ``runs.csv``.

    Returns:
        pd.DataFrame: One row per cell and config: the columns of the group, ``n``, ``last_mean``,
        ``last_std``, ``best_mean``, ``best_std`` (NaN when n is 1), ``iterations``, ``wall_s``
        (mean), ``world_size``, ``device``, ``seeds`` (list), ``protocol`` (of the first seed) and
        ``labelled``; by data set, labelled images, method and length.
    """
    runs = one_per_seed(table).sort_values(['seed', 'label_seed'])
    summary = (
        runs.groupby(GROUP, sort=True)
        .agg(
            n=('run_id', 'size'),
            last_mean=('miou_last', 'mean'),
            last_std=('miou_last', 'std'),
            best_mean=('miou_best', 'mean'),
            best_std=('miou_best', 'std'),
            iterations=('iters_done', 'max'),
            wall_s=('wall_s', 'mean'),
            world_size=('world_size', 'max'),
            device=('device', lambda names: '; '.join(sorted(set(names)))),
            seeds=('seed', lambda seeds: sorted({int(seed) for seed in seeds.dropna()})),
            protocol=('protocol', 'first'),
        )
        .reset_index()
    )
    summary['labelled'] = summary['protocol'].map(labelled_images).astype(float)
    rank = {method: number for number, method in enumerate(METHODS)}
    summary['_rank'] = summary['method'].map(rank).fillna(len(rank))
    summary['_dataset'] = summary['benchmark'].map(dataset_of)
    order = [
        '_dataset',
        'labelled',
        'benchmark',
        '_rank',
        'method',
        'network',
        'iterations',
        'config',
    ]
    return summary.sort_values(order).drop(columns=['_rank', '_dataset']).reset_index(drop=True)


def paired_differences(
    runs: pd.DataFrame, reference_config: str, metric: str = 'miou_last'
) -> pd.DataFrame:
    """Differences to a reference config, seed by seed.

    Two runs are a pair when they have the same benchmark, seed and label seed: what the seed does
    to both cancels.

    Args:
        runs (pd.DataFrame): ``runs.csv``.
        reference_config (str): The stem of the config that is subtracted.
        metric (str): The column that is compared. Defaults to ``'miou_last'``.

    Returns:
        pd.DataFrame: One row per other config on the reference's benchmarks: the columns of the
        group, ``n`` pairs, ``mean``, ``std`` (sample; NaN when n is 1) and ``differences`` (seed to
        difference). A config without a common seed has n 0.

    Raises:
        UserError: If the reference has no finished run.
    """
    runs = one_per_seed(runs)
    is_reference = runs['config'] == reference_config
    if not is_reference.any():
        raise UserError(
            f"--paired: no finished run of config '{reference_config}'; there are "
            f'{", ".join(sorted(runs["config"].unique())) or "none at all"}'
        )
    keys = ['benchmark', 'seed', 'label_seed']
    reference = runs[is_reference][[*keys, metric]]
    others = runs[~is_reference & runs['benchmark'].isin(reference['benchmark'])]
    pairs = others.merge(reference, how='left', on=keys, suffixes=('', '_reference'))
    pairs['difference'] = pairs[metric] - pairs[f'{metric}_reference']
    rows = []
    for group, members in pairs.groupby(GROUP, sort=True):
        found = members.dropna(subset='difference').sort_values('seed')
        rows.append(
            {
                **dict(zip(GROUP, group, strict=True)),
                'n': len(found),
                'mean': found['difference'].mean(),
                'std': found['difference'].std(),
                'differences': {
                    (f'{s:g}/{label}' if label else f'{s:g}'): d
                    for s, label, d in zip(
                        found['seed'], found['label_seed'], found['difference'], strict=True
                    )
                },
            }
        )
    columns = [*GROUP, 'n', 'mean', 'std', 'differences']
    return pd.DataFrame(rows, columns=columns)
