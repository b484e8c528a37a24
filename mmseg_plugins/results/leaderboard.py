"""``leaderboard.md`` and the tables on the terminal, from ``runs.csv`` and ``published.csv``."""

import html
import json
import re
from collections.abc import Sequence

import pandas as pd

from mmseg_plugins.results.published import PRESUMED
from mmseg_plugins.results.statistics import dataset_of, judge, paired_differences, summarise

HEAD = """# Leaderboard

Written by `python tools/gather_results.py`; do not edit.

mIoU in percent on the validation set: mean ± sample standard deviation over seeds (n). *last* is
the last validation of a run, *best* its best one; *best* is chosen on the validation set and
therefore optimistic. Only runs that finished all iterations of their config count, the latest per
config and seed; the others are listed. All seeds of a row share one labelled list; the deviation
does not include the choice of the list (the lists of shapes are stratified by class). Published
numbers are those of the same cell (benchmark, method, network); a dash means not comparable, and
the footnote says why. *Scored on* is the network that is validated: the trained one (student), its
teacher, or its average (ema). Wall time includes validation and was measured with whatever else
ran on the machine, so it is indicative.
"""
# What a reader needs to judge a difference, beside the batch.
PROTOCOL = (
    'crop labelled_batch unlabelled_batch gpus epochs eval_mode predict_on selection '
    'cutmix_partner setting'
).split()


def spread(mean: float, std: float, n: int) -> str:
    """``54.32 ± 1.20 (3)``; a single run has no deviation, a missing mean is a dash."""
    if pd.isna(mean):
        return '–'
    return f'{mean:.2f} ({n})' if pd.isna(std) else f'{mean:.2f} ± {std:.2f} ({n})'


def duration(seconds: float) -> str:
    """``1 h 02 min``, ``3 min 20 s``; a dash when it is not known."""
    if pd.isna(seconds):
        return '–'
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours} h {minutes:02d} min' if hours else f'{minutes} min {rest:02d} s'


def markdown(table: pd.DataFrame) -> str:
    """A Markdown table, also legible as text; what comes from a run is escaped."""
    escaped = table.astype(str).map(_escape)
    numbers = [
        'right' if table[name].astype(str).str.match(r'[-+−–\d]').all() else 'left'
        for name in table
    ]
    return escaped.to_markdown(index=False, disable_numparse=True, colalign=numbers)


def _escape(text: str) -> str:
    return re.sub(r'\s+', ' ', html.escape(text, quote=False)).replace('|', '\\|')


def command(row: pd.Series) -> str:
    """The command that reproduces a row: one training, or the launcher for several seeds."""
    gpus = 1 if pd.isna(row['world_size']) else int(row['world_size'])
    if 'cores' in row['device']:  # a processor
        gpus = 0
    path = f'configs/{row["method"]}/{row["config"]}.py' if row['method'] else f'{row["config"]}.py'
    seeds = row['seeds'] or [0]
    if len(seeds) > 1:
        line = f'python tools/launch.py {path} --seeds {" ".join(map(str, seeds))}'
        line += f' --gpus {gpus}' if gpus else ''
    else:
        launcher = ' --launcher pytorch' if gpus > 1 else ''
        line = f'mim train mmseg {path} --gpus {gpus}{launcher}'
        line += f' --cfg-options randomness.seed={seeds[0]}'
    return re.sub(r'\s+', ' ', line)


def protocol_note(row: pd.Series) -> str:
    """What a row was trained and scored with, as a footnote."""
    protocol = json.loads(row['protocol'] or '{}')
    stated = [
        f'{key.replace("_", " ")} {protocol[key]:g}'
        if isinstance(protocol[key], float)
        else f'{key.replace("_", " ")} {protocol[key]}'
        for key in PROTOCOL
        if protocol.get(key) is not None
    ]
    return '; '.join([*stated, f'device {row["device"] or "unknown"}'])


def published_columns(row: pd.Series, published: pd.DataFrame, notes: list[str]) -> dict[str, str]:
    """The published numbers of a cell beside ours.

    Args:
        row (pd.Series): A row of :func:`summarise`.
        published (pd.DataFrame): The published table.
        notes (list[str]): Footnotes so far; the new ones are appended.

    Returns:
        dict[str, str]: The published values with their footnotes and the differences of last and
        best to each, in the same order.
    """
    cell = published[published['cell'] == row['cell']] if row['cell'] else published.iloc[:0]
    if cell.empty:
        note = 'no published number for this cell' if row['cell'] else 'the config has no cell'
        return {'published': f'– {_footnote(note, notes)}', 'Δ last': '–', 'Δ best': '–'}
    protocol = json.loads(row['protocol'] or '{}')
    differing = {
        index: differing_fields(protocol, row['labelled'], theirs)
        for index, theirs in cell.iterrows()
    }
    # The numbers to reach; without one, those of our protocol; without one, all.
    rows = cell[cell['target'] != '']
    if rows.empty:
        same = [index for index, fields in differing.items() if not fields]
        rows = cell.loc[same] if same else cell
    ours = protocol_note(row)
    values, last, best = [], [], []
    for index, theirs in rows.iterrows():
        note = f'{theirs["value"]:g}: {theirs["source"]} ({theirs["evidence"]})'
        if differing[index]:
            note += f'. Differs: {"; ".join(differing[index])}'
        note += f'. Theirs: {theirs["notes"] or "nothing more is stated"}. Ours: {ours}'
        if others := len(cell) - len(rows):
            note += f'. {others} other published rows of this cell are in published.csv'
        values.append(f'{theirs["value"]:g} {_footnote(note, notes)}')
        comparable = not PRESUMED.search(theirs['notes'])
        for mean, out in ((row['last_mean'], last), (row['best_mean'], best)):
            known = comparable and not pd.isna(mean)
            out.append(f'{mean - theirs["value"]:+.2f}' if known else '–')
    return {'published': ', '.join(values), 'Δ last': ', '.join(last), 'Δ best': ', '.join(best)}


def differing_fields(protocol: dict, labelled: float, theirs: pd.Series) -> list[str]:
    """The protocol fields that a published row states and in which our run differs."""
    differing = []
    crop = protocol.get('crop')
    if crop is not None:
        stated, own = (re.findall(r'\d+', str(value)) for value in (theirs['crop_size'], crop))
        if not stated:
            differing.append(f'crop not stated, ours {crop}')
        elif set(own) - set(stated) or len(stated) > len(set(own)):
            differing.append(f'crop {theirs["crop_size"]}, ours {crop}')
    if (
        theirs['n_labeled'].isdigit()
        and labelled == labelled
        and int(theirs['n_labeled']) != labelled
    ):
        differing.append(f'{theirs["n_labeled"]} labelled images, ours {labelled:g}')
    if PRESUMED.search(theirs['notes']):
        differing.append('their split list is presumed, so no difference is given')
    return differing


def _footnote(note: str, notes: list[str]) -> str:
    if note not in notes:
        notes.append(note)
    return f'[{notes.index(note) + 1}]'


def score_table(summary: pd.DataFrame, published: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """One row per cell and config, as text, for people.

    Args:
        summary (pd.DataFrame): From :func:`summarise`.
        published (pd.DataFrame): The published table.
        notes (list[str]): Footnotes; the new ones are appended.

    Returns:
        pd.DataFrame: The table.
    """
    rows = [
        {
            'benchmark': row['benchmark'],
            'method': row['method'],
            'network': row['network'],
            'config': row['config'],
            'labelled': '–' if pd.isna(row['labelled']) else f'{row["labelled"]:g}',
            'scored on': json.loads(row['protocol'] or '{}').get('predict_on') or '–',
            'mIoU last': spread(row['last_mean'], row['last_std'], row['n']),
            'mIoU best': spread(row['best_mean'], row['best_std'], row['n']),
            **published_columns(row, published, notes),
            'iterations': f'{row["iterations"]:.0f}',
            'wall time': duration(row['wall_s']),
            'protocol': _footnote(protocol_note(row), notes),
        }
        for _, row in summary.iterrows()
    ]
    return pd.DataFrame(rows)


def excluded_table(excluded: pd.DataFrame) -> pd.DataFrame:
    """The runs that do not count, from :func:`judge`, as text, with the reason of each."""
    pairs = zip(excluded['iters_done'], excluded['iters_planned'], strict=True)
    return pd.DataFrame(
        {
            'run': excluded['run_id'],
            'why': excluded['excluded'],
            'iterations': [f'{done:.0f} of {planned:.0f}' for done, planned in pairs],
            'mIoU last': [spread(value, float('nan'), 1) for value in excluded['miou_last']],
            'started': excluded['started'],
        }
    )


def paired_table(runs: pd.DataFrame, reference: str) -> str:
    """The paired differences to a config as Markdown, with a heading line."""
    pairs = paired_differences(runs, reference)
    table = pd.DataFrame(
        {
            **{name: pairs[name] for name in ('benchmark', 'method', 'network', 'config')},
            'n': pairs['n'],
            'mean': [_signed(value) for value in pairs['mean']],
            'std': ['–' if pd.isna(value) else f'{value:.2f}' for value in pairs['std']],
            'per seed': [
                ', '.join(f'{seed}: {value:+.2f}' for seed, value in values.items()) or '–'
                for values in pairs['differences']
            ],
        }
    )
    head = f'Difference in mIoU last to `{_escape(reference)}`, paired by data set and seed'
    return f'{head}:\n\n{markdown(table)}' if len(table) else f'{head}: no other config.'


def _signed(value: float) -> str:
    return '–' if pd.isna(value) else f'{value:+.2f}'


def leaderboard(runs: pd.DataFrame, published: pd.DataFrame, paired: Sequence[str] = ()) -> str:
    """The leaderboard.

    Args:
        runs (pd.DataFrame): ``runs.csv``.
        published (pd.DataFrame): ``published.csv``.
        paired (Sequence[str]): Config stems; each adds a table of paired differences to it.
            Defaults to ().

    Returns:
        str: Markdown.
    """
    summary = summarise(runs)
    judged = judge(runs)
    excluded = judged[judged['excluded'] != '']
    names = pd.concat([summary['benchmark'], excluded['benchmark']]).map(dataset_of)
    parts = [HEAD]
    for dataset in sorted(names.unique()):
        parts.append(f'## {_escape(dataset)}\n')
        members = summary[summary['benchmark'].map(dataset_of) == dataset]
        if len(members):
            notes: list[str] = []
            parts.append(markdown(score_table(members, published, notes)) + '\n')
            parts += [f'- [{number}] {_escape(note)}' for number, note in enumerate(notes, 1)]
            commands = [command(row) for _, row in members.iterrows()]
            parts.append('\nReproduce a row, all seeds that count:\n')
            parts.append('```sh\n' + '\n'.join(commands) + '\n```\n')
        others = excluded[excluded['benchmark'].map(dataset_of) == dataset]
        if len(others):
            parts.append('Runs that do not count:\n\n' + markdown(excluded_table(others)) + '\n')
    if paired:
        parts.append('## Paired differences\n')
        parts += [paired_table(runs, reference) + '\n' for reference in paired]
    return '\n'.join(parts)
