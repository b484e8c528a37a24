"""Means over seeds and paired differences."""

import json

import pandas as pd

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.table import numeric

METHODS = ('suponly', 'cutmix', 'corrmatch')
GROUP = ['benchmark', 'method', 'network', 'cell', 'config']


def judge(table: pd.DataFrame) -> pd.DataFrame:
    """Say of every run why it does not count.

    A run counts when it has finished all iterations that its config's protocol states and has a
    score; of several such runs of one config and seed the latest start. A trial or a run that was
    stopped early therefore never takes the place of a real one.

    Args:
        table (pd.DataFrame): ``runs.csv``.

    Returns:
        pd.DataFrame: The rows, numbers as numbers, with the reason in the column ``excluded``;
        empty where the run counts.
    """
    runs = numeric(table)
    runs['excluded'] = [_reason(run) for _, run in runs.iterrows()]
    counted = runs[runs['excluded'] == ''].sort_values(['started', 'run_id'])
    for _, members in counted.groupby([*GROUP, 'seed', 'label_seed'], dropna=False):
        runs.loc[members.index[:-1], 'excluded'] = f'superseded by {members["run_id"].iloc[-1]}'
    return runs


def _reason(run: pd.Series) -> str:
    """Why a run does not count, the others of its seed aside."""
    if run['status'] != 'finished':
        return run['status']
    if run['iters_done'] != run['iters_planned']:
        return 'stopped early'
    stated = protocol_number(run['protocol'], 'iterations')
    if stated == stated and run['iters_planned'] != stated:
        return f'a trial: its config states {stated:.0f} iterations'
    return 'no score' if pd.isna(run['miou_last']) else ''


def one_per_seed(table: pd.DataFrame) -> pd.DataFrame:
    """The runs that count, see :func:`judge`.

    Args:
        table (pd.DataFrame): ``runs.csv``.

    Returns:
        pd.DataFrame: Those rows by start, with numbers as numbers.
    """
    runs = judge(table)
    runs = runs[runs['excluded'] == ''].drop(columns='excluded')
    return runs.sort_values(['started', 'run_id'])


def protocol_number(protocol: str, key: str) -> float:
    """A number that a run's protocol states; NaN where it does not.

    Args:
        protocol (str): The column ``protocol`` of ``runs.csv``.
        key (str): The field.

    Returns:
        float: The number.

    Raises:
        UserError: If the field is no number, or the text is no JSON.
    """
    try:
        value = json.loads(protocol or '{}').get(key)
        return float('nan') if value is None else float(value)
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"runs.csv has a protocol whose '{key}' cannot be read: {protocol[:80]!r}; delete that "
            'row and gather its run again'
        ) from error


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
    summary['labelled'] = [
        protocol_number(protocol, 'labelled_images') for protocol in summary['protocol']
    ]
    summary['labelled'] = summary['labelled'].astype(float)
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

    Two runs are a pair when they have the same data set, seed and label seed: what the seed does
    to both cancels. The benchmark may differ, so that training with all labels compares too.

    Args:
        runs (pd.DataFrame): ``runs.csv``.
        reference_config (str): The stem of the config that is subtracted.
        metric (str): The column that is compared. Defaults to ``'miou_last'``.

    Returns:
        pd.DataFrame: One row per other config on the reference's data set: the columns of the
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
    runs = runs.assign(dataset=runs['benchmark'].map(dataset_of))
    keys = ['dataset', 'seed', 'label_seed']
    reference = runs[is_reference][[*keys, metric]].drop_duplicates(keys, keep='last')
    others = runs[~is_reference & runs['dataset'].isin(reference['dataset'])]
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
