"""Our number of a cell against the published one: what differs, and how far it is away."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mmseg_plugins.results.published import PRESUMED

# CorrMatch's README on Cityscapes: one remark stands beside four rows and means one of them.
ONLY_HALF = re.compile(r'\S+ 1/2 list presumed')
# Where the authors have since printed another number for the cell.
SUPERSEDED = re.compile(r'superseded', re.IGNORECASE)
EVIDENCE = ('primary', 'log', 'paper', 'leaderboard', 'secondhand')
BEST = re.compile(r'best (epoch )?on val|best epoch', re.IGNORECASE)
LAST = re.compile(r'(final|last) iteration', re.IGNORECASE)
RUNS = re.compile(r'mean of (\d+) runs', re.IGNORECASE)
OVER_LISTS = re.compile(r'label seeds', re.IGNORECASE)
INFERRED = re.compile(r'backbone inferred', re.IGNORECASE)
OUTPUT_STRIDE = re.compile(r'\bos(\d+)\b')
OUR_OUTPUT_STRIDE = 8  # of both ResNet-101 networks
STUDENT = re.compile(r'\bstudent\b', re.IGNORECASE)
EMA = re.compile(r'\bEMA teacher\b', re.IGNORECASE)
# The beginnings of `protocol.setting` that say that the recipe is not the published one.
OWN_SETTINGS = ('ours', 'choice')
ENOUGH_LABELS = 366


@dataclass(frozen=True)
class Comparison:
    """A cell's published number as it compares with one row of ours.

    Attributes:
        row (dict | None): The row of ``published.csv`` that is compared; None without one.
        rule (str): ``'best'`` or ``'last'``: how the paper selects the checkpoint that it scores;
            the config's rule where the paper does not say.
        differing (list[str]): Protocol fields that make the two incomparable, as text.
        deviations (list[str]): What differs or is not known, but does not.
    """

    row: dict | None
    rule: str
    differing: list[str]
    deviations: list[str]


def tolerance(labelled: float) -> float:
    """How far from the published number a reproduction may lie, in points of mIoU.

    0.6 from 366 labelled images on, and 1.2 more for each halving below: 1.8 at 183, 3.0 at 92.
    The evidence is public (``results/README.md`` has the numbers): from 366 labels on, each of an
    author's three runs lies within 0.5 of their mean, two of them up to 0.7 apart; at 183 they lie
    1.4 apart, and at 92 and 183 the best and the last epoch of one run 4 to 6. Below 92 labels
    the rule is extrapolated.

    Args:
        labelled (float): The number of labelled images; NaN where it is not known.

    Returns:
        float: Points; NaN where the number of labels is not known.
    """
    if not labelled > 0:
        return float('nan')
    return round(0.6 + 1.2 * max(0.0, math.log2(ENOUGH_LABELS / labelled)), 2)


def verdict(difference: float, points: float) -> str:
    """``'within'``, ``'below'`` or ``'above'`` the tolerance; nothing where one is not known."""
    if math.isnan(difference) or math.isnan(points):
        return ''
    # Scores are given to two decimals: a difference that reads 0.60 is within 0.6.
    if abs(round(difference, 2)) <= points:
        return 'within'
    return 'below' if difference < 0 else 'above'


def is_presumed(row: dict) -> bool:
    """Whether the list (or the network) of a published row is only presumed."""
    notes = row['notes']
    if '1/2' not in row['split_name']:
        notes = ONLY_HALF.sub('', notes)
    return bool(PRESUMED.search(notes))


def ranks(row: dict) -> bool:
    """Whether a published row may be ranked: its list is known and it is not superseded."""
    return not is_presumed(row) and not SUPERSEDED.search(row['notes'])


def published_rule(row: dict) -> str:
    """``'best'``, ``'last'``, or nothing: which checkpoint a published row scores."""
    if LAST.search(row['notes']):
        return 'last'
    return 'best' if BEST.search(row['notes']) else ''


def own_rule(protocol: dict) -> str:
    """The config's rule: ``'best'`` or ``'last'``."""
    return 'best' if 'best' in str(protocol.get('selection')) else 'last'


def compare(
    rows: Sequence[dict], protocol: dict, labelled: float, n: int | None = None, lists: int = 1
) -> Comparison:
    """Choose the published row of a cell that compares best with ours.

    The number to reach (``target``) comes first; then rows that are not superseded, whose list is
    known, with the fewest fields that differ, by evidence, in the order of the table.

    Args:
        rows (Sequence[dict]): The rows of ``published.csv`` of the cell; may be empty.
        protocol (dict): The ``protocol`` block of our config.
        labelled (float): Its labelled images; NaN where it does not say.
        n (int, optional): Our runs that count. Defaults to None: not run, runs do not differ.
        lists (int): On how many labelled lists, one per label seed, they are. Defaults to 1.

    Returns:
        Comparison: The row, and what differs.
    """
    if not rows:
        return Comparison(None, own_rule(protocol), [], [])
    judged = [_differences(row, protocol, labelled, n, lists) for row in rows]

    def order(index: int) -> tuple:
        row = rows[index]
        evidence = EVIDENCE.index(row['evidence']) if row['evidence'] in EVIDENCE else 9
        superseded = bool(SUPERSEDED.search(row['notes']))
        differing = len(judged[index][0])
        return row['target'] == '', superseded, is_presumed(row), differing, evidence

    chosen = min(range(len(rows)), key=order)
    rule = published_rule(rows[chosen]) or own_rule(protocol)
    return Comparison(rows[chosen], rule, *judged[chosen])


def _differences(
    row: dict, protocol: dict, labelled: float, n: int | None, lists: int
) -> tuple[list[str], list[str]]:
    """Fields that make a published row and ours incomparable, and those that do not."""
    differing, deviations = [], []
    notes = row['notes']
    _compare_crop(row['crop_size'], protocol.get('crop'), differing, deviations)
    if row['n_labeled'].isdigit() and labelled == labelled and int(row['n_labeled']) != labelled:
        differing.append(f'labelled images: theirs {row["n_labeled"]}, ours {labelled:g}')
    pool = protocol.get('unlabelled_images')
    if row['n_unlabeled'].isdigit() and pool is not None and int(row['n_unlabeled']) != pool:
        differing.append(f'unlabelled pool: theirs {row["n_unlabeled"]} images, ours {pool}')
    stride = OUTPUT_STRIDE.search(notes)
    if stride and int(stride[1]) != OUR_OUTPUT_STRIDE:
        differing.append(f'network: theirs output stride {stride[1]}, ours {OUR_OUTPUT_STRIDE}')
    scored = 'student' if STUDENT.search(notes) else 'teacher' if EMA.search(notes) else ''
    ours = 'teacher' if protocol.get('predict_on') == 'ema' else protocol.get('predict_on')
    if scored and ours and scored != ours:
        differing.append(f'scored network: theirs {scored}, ours {protocol["predict_on"]}')
    theirs = RUNS.search(notes)
    if theirs and n is not None and n < int(theirs[1]):
        differing.append(f'runs: theirs the mean of {theirs[1]}, ours of {n}')
    elif theirs and n is not None and OVER_LISTS.search(notes) and lists < int(theirs[1]):
        differing.append(f'runs: theirs over {theirs[1]} labelled lists, ours over {lists}')
    elif not theirs and n is not None and n > 1:
        deviations.append(f'runs: theirs a single number, ours the mean of {n}')
    if speed := protocol.get('speed'):
        differing.append(f'speed: {speed}, which theirs has not')
    if INFERRED.search(notes):
        deviations.append('network: theirs is inferred, not stated')
    if protocol and not published_rule(row):
        deviations.append('selection: not stated for theirs, taken to be ours')
    setting = str(protocol.get('setting') or '')
    if setting.startswith(OWN_SETTINGS):
        differing.append(f'setting: {setting}')
    elif ';' in setting:
        deviations.append(f'setting: {setting.split(";", 1)[1].strip()}')
    if is_presumed(row):
        differing.append('list: theirs is only presumed')
    return differing, deviations


def _compare_crop(theirs: str, ours, differing: list[str], deviations: list[str]) -> None:
    if ours is None:
        return
    text = ours if isinstance(ours, int) else 'x'.join(map(str, ours))
    if not (stated := re.findall(r'\d+(?:x\d+)?', theirs)):
        differing.append(f'crop: theirs not stated, ours {text}')
    elif str(text) not in stated:
        differing.append(f'crop: theirs {theirs}, ours {text}')
    elif len(stated) > 1:
        deviations.append(f'crop: theirs {" or ".join(stated)}, which is not known, ours {text}')
