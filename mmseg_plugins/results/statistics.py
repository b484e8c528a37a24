"""Means over seeds and paired differences."""

import functools
import json
from collections.abc import Container

import pandas as pd

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.batch import other_batch
from mmseg_plugins.results.table import numeric

METHODS = ('suponly', 'cutout', 'cutout-colour', 'cutmix', 'cutmix-colour', 'corrmatch')
GROUP = ['benchmark', 'method', 'network', 'cell', 'config']


def judge(table: pd.DataFrame) -> pd.DataFrame:
    """Say of every run why it does not count.

    A run counts when it has finished all iterations that its config's protocol states, with the
    batch that it states, and has a score; of several such runs of one config and seed the latest
    start. A trial or a run that was stopped early therefore never takes the place of a real one.

    Args:
        table (pd.DataFrame): ``runs.csv``, or what this function returned for it, which is
            returned as it is: judging many runs once is enough.

    Returns:
        pd.DataFrame: The rows, numbers as numbers, with the reason in the column ``excluded``;
        empty where the run counts.
    """
    if 'excluded' in table:
        return table
    runs = numeric(table)
    stated = runs['protocol'].map(lambda text: protocol_number(text, 'iterations'))
    score = runs['miou_last']
    batch = runs['protocol'].map(_other_batch)
    reasons = [
        (runs['status'] != 'finished', runs['status']),
        (runs['iters_done'] != runs['iters_planned'], 'stopped early'),
        (
            stated.notna() & (runs['iters_planned'] != stated),
            [f'a trial: its config states {number:.0f} iterations' for number in stated],
        ),
        (batch != '', batch),
        (score.isna(), 'no score'),
        (~score.between(0, 100), 'its score is not within 0..100'),
    ]
    excluded = pd.Series('', runs.index, dtype=object)
    for applies, reason in reversed(reasons):
        reason = pd.Series(reason, runs.index, dtype=object)
        excluded = excluded.mask(applies.astype(bool), reason)
    counted = runs[excluded == ''].sort_values(['started', 'run_id'])
    same = counted.groupby([*GROUP, 'seed', 'label_seed'], dropna=False)['run_id']
    latest = same.transform('last')
    older = latest[latest != counted['run_id']]
    excluded[older.index] = 'superseded by ' + older
    return runs.assign(excluded=excluded)


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
        value = _fields(protocol).get(key)
        return float('nan') if value is None else float(value)
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"runs.csv has a protocol whose '{key}' cannot be read: {protocol[:80]!r}; delete that "
            'row and gather its run again'
        ) from error


@functools.lru_cache(maxsize=10000)
def _other_batch(protocol: str) -> str:
    return other_batch(_fields(protocol))


@functools.lru_cache(maxsize=10000)
def _fields(protocol: str) -> dict:
    return json.loads(protocol or '{}')


def dataset_of(benchmark: str) -> str:
    """The data set of a benchmark, which is named ``<dataset>_<list family>_<count>``."""
    return benchmark.split('_')[0] or 'without a benchmark'


def family_of(benchmark: str) -> str:
    """The data set and family of labelled lists of a benchmark: its name without the count."""
    return benchmark.rpartition('_')[0]


def method_rank(method: str) -> int:
    """The place of a method in a table: the baseline first, the unknown last."""
    return METHODS.index(method) if method in METHODS else len(METHODS)


def on_gpu(device: str) -> bool:
    """Whether a ``device`` of ``runs.csv`` is a GPU; a processor is given with its cores."""
    return bool(device) and 'cores' not in device


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Mean, sample standard deviation and n over seeds.

    Args:
        table (pd.DataFrame): ``runs.csv``.

    Returns:
        pd.DataFrame: One row per cell and config: the columns of the group, ``n``, ``last_mean``,
        ``last_std``, ``best_mean``, ``best_std`` (NaN when n is 1), ``iterations``, ``wall_s``
        (mean), ``world_size``, ``device``, ``seeds`` and ``label_seeds`` (lists), ``protocol`` (of
        the first seed), ``protocols`` (of all, each once) and ``labelled``; by data set,
        labelled images, method and length.
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
            label_seeds=('label_seed', lambda seeds: sorted({seed for seed in seeds if seed})),
            protocol=('protocol', 'first'),
            protocols=('protocol', lambda texts: [_fields(text) for text in sorted(set(texts))]),
        )
        .reset_index()
    )
    summary['labelled'] = [
        protocol_number(protocol, 'labelled_images') for protocol in summary['protocol']
    ]
    summary['labelled'] = summary['labelled'].astype(float)
    summary['_rank'] = summary['method'].map(method_rank)
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

    Two runs are a pair when they have the same family of lists, network, crop, seed and label seed:
    what the seed does to both cancels. The other configs are those of the reference's benchmark,
    and SupOnly with the most labels of the family, which shows how far all labels would go.

    Args:
        runs (pd.DataFrame): ``runs.csv``.
        reference_config (str): The stem of the config that is subtracted.
        metric (str): The column that is compared. Defaults to ``'miou_last'``.

    Returns:
        pd.DataFrame: One row per other config: the columns of the group, ``n`` pairs, ``mean``,
        ``std`` (sample; NaN when n is 1) and ``differences`` (seed to difference). A config without
        a common seed has n 0.

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
    crops = [str(_fields(protocol).get('crop')) for protocol in runs['protocol']]
    runs = runs.assign(alike=runs['benchmark'].map(family_of) + '/' + runs['network'] + '/' + crops)
    keys = ['alike', 'seed', 'label_seed']
    reference = runs[is_reference].drop_duplicates(keys, keep='last')
    others = runs[~is_reference & runs['alike'].isin(reference['alike'])]
    labelled = [protocol_number(text, 'labelled_images') for text in others['protocol']]
    most = others['method'].eq('suponly') & (
        pd.Series(labelled, others.index) == max(labelled, default=0)
    )
    others = others[others['benchmark'].isin(reference['benchmark']) | most]
    pairs = others.merge(
        reference[[*keys, metric]], how='left', on=keys, suffixes=('', '_reference')
    )
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


def paired_references(table: pd.DataFrame, known: Container[str] | None = None) -> list[str]:
    """The configs to which the leaderboard gives paired differences.

    Args:
        table (pd.DataFrame): ``runs.csv``.
        known (Container[str], optional): The configs that may be one. Defaults to None: any.

    Returns:
        list[str]: SupOnly configs with runs that count, on benchmarks where another method has
        some too, by benchmark and length.
    """
    summary = summarise(table)
    semi = set(summary.loc[summary['method'] != 'suponly', 'benchmark'])
    chosen = summary[(summary['method'] == 'suponly') & summary['benchmark'].isin(semi)]
    configs = chosen['config'].drop_duplicates()
    return [config for config in configs if known is None or config in known]
