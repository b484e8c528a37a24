"""What ``index.html`` holds of a cell, a run and a published row."""

import json
import math
import re
from collections.abc import Iterable, Iterator

import pandas as pd

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.page_encoding import Strings, number, table
from mmseg_plugins.results.statistics import dataset_of

# What the page holds of a row of :func:`cells.cell_table`, of a published row and of a run.
CELL_TEXTS = (
    'cell dataset family benchmark method network config variant command status rule seeds '
    'published_range published_source published_evidence published_notes verdict reason '
    'deviations gpu_hours'
).split()
CELL_NUMBERS = (
    'labelled n last_mean last_std best_mean best_std published target difference tolerance '
    'rank_last rank_own protocol runs_left'
).split()
PUBLISHED_TEXTS = (
    'cell benchmark dataset family method name network crop evidence source notes'
).split()
PUBLISHED_NUMBERS = ['labelled', 'value', 'target']
RUN_TEXTS = ('run_id cell config label_seed excluded device commit dirty versions started').split()
RUN_NUMBERS = (
    'row seed miou_last miou_best iter_best iters_done iters_planned images_per_s peak_mib wall_s '
    'world_size'
).split()
# The row says these already.
IN_ROW = ('cell', 'benchmark', 'method', 'network')
# What tells the rows of one cell apart, in the order in which it is named.
VARIANTS = (
    'crop iterations epochs labelled_batch unlabelled_batch gpus eval_mode predict_on '
    'cutmix_partner label_seed setting'
).split()
# Stands for the row's config, which its command and its run ids repeat.
CONFIG = '\0'


def protocol_table(protocols: list[str], strings: Strings) -> dict:
    """Protocols as a table of JSON texts; a field that one has not stays empty."""
    fields = [json.loads(protocol) for protocol in protocols]
    rows = [{key: json.dumps(value) for key, value in one.items()} for one in fields]
    columns = sorted({key for row in rows for key in row})
    return table([{**dict.fromkeys(columns), **row} for row in rows], columns, [], strings)


def variant_names(cells: list[dict]) -> dict[int, str]:
    """What tells the rows of one cell apart, for cells with several."""
    groups: dict[str, list[int]] = {}
    for index, cell in enumerate(cells):
        groups.setdefault(cell['cell'], []).append(index)
    found = {}
    for cell, indices in groups.items():
        if not cell or len(indices) < 2:
            continue
        protocols = [cells[index]['protocol'] for index in indices]
        keys = [key for key in VARIANTS if len({str(p.get(key)) for p in protocols}) > 1]
        # One field where it is enough.
        enough = [key for key in keys if len({str(p.get(key)) for p in protocols}) == len(indices)]
        for index in indices:
            fields = cells[index]['protocol']
            found[index] = ', '.join(
                f'{key.replace("_", " ")} {fields.get(key, "–")}' for key in enough[:1] or keys[:2]
            )
            found[index] = found[index] or cells[index]['config']
    return found


def class_means(runs: Iterable[dict]) -> tuple[tuple[str, ...], list, list]:
    """IoU per class over runs.

    Args:
        runs (Iterable[dict]): Rows of ``runs.csv``.

    Returns:
        tuple[tuple[str, ...], list, list]: Classes, means and sample standard deviations; None
        where a class has no value, or only one for a deviation; no deviations where all are.

    Raises:
        UserError: If a column ``iou_per_class`` is no JSON object.
    """
    values: dict[str, list[float]] = {}
    for run in runs:
        try:
            per_class = json.loads(run['iou_per_class'] or '{}')
            for name, value in per_class.items():
                found = values.setdefault(name, [])
                if number(value) is not None:
                    found.append(float(value))
        except (ValueError, AttributeError) as error:
            raise UserError(
                f'runs.csv has an iou_per_class that cannot be read, run {run["run_id"][:80]!r}: '
                f'{str(run["iou_per_class"])[:40]!r}; delete that row and gather its run again'
            ) from error
    means = [sum(found) / len(found) if found else None for found in values.values()]
    stds = [
        math.sqrt(sum((value - mean) ** 2 for value in found) / (len(found) - 1))
        if len(found) > 1
        else None
        for found, mean in zip(values.values(), means, strict=True)
    ]
    rounded = [[number(value, 1) for value in column] for column in (means, stds)]
    return tuple(values), rounded[0], rounded[1] if any(stds) else []


def run_row(row: int | None, run: dict, cells: list[dict]) -> dict:
    """A run as the page holds it."""
    versions = run['versions']
    if versions.startswith('{'):
        versions = re.sub(r'[{}"]', '', versions).replace(':', ' ').replace(',', ', ')
    known = row is not None
    config = cells[row]['config'] if known else ''
    return {
        **run,
        'row': row,
        # once, where the id begins with it
        'run_id': CONFIG + run['run_id'].removeprefix(config)
        if config and run['run_id'].startswith(config)
        else run['run_id'],
        'cell': None if known else run['cell'],
        'config': None if known else run['config'],
        'commit': run['commit'][:10],
        'versions': versions,
    }


def published_rows(published: pd.DataFrame, families: dict[str, str]) -> Iterator[dict]:
    """The published rows with the names that the filters use."""
    for row in published.to_dict('records'):
        benchmark, method = row['benchmark'], row['cell'].split('/')[1:2]
        labelled = pd.to_numeric(row['n_labeled'], errors='coerce')
        yield {
            **row,
            'dataset': dataset_of(benchmark),
            'family': families.get(benchmark) or re.sub(r'(_\d[^_]*)+$', '', benchmark),
            'method': method[0] if method else row['method'],
            'name': row['method'],
            'network': ', '.join(filter(None, (row['architecture'], row['backbone']))),
            'labelled': float(labelled),
            'crop': row['crop_size'],
            'target': 1 if row['target'] else None,
            'notes': row['notes']
            if row['metric'] == 'mIoU'
            else f'{row["metric"]}; {row["notes"]}',
        }
