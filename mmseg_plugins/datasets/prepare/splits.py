"""Choosing labelled images and writing split lists."""

from pathlib import Path

import numpy as np

from mmseg_plugins.errors import UserError


def nested_random(ids: list, counts: tuple, seed: int) -> dict:
    """Labelled lists of several lengths, each inside the next.

    Args:
        ids (list[str]): All training ids.
        counts (tuple[int]): Lengths of the lists.
        seed (int): Seed of the permutation of the sorted ids.

    Returns:
        dict[int, list[str]]: Sorted labelled ids for every count.
    """
    order = np.random.default_rng(seed).permutation(sorted(ids)).tolist()
    return {n: sorted(order[:n]) for n in counts}


def nested_stratified(ids: list, pixels: np.ndarray, counts: tuple, seed: int) -> dict:
    """Like :func:`nested_random`, but every list resembles the whole in its classes.

    Images are taken one by one. Each step looks at a random quarter of those left and takes the one
    that brings the list nearest to the whole training set in how many images show a class and in
    how many pixels it has, as relative errors summed over the classes.

    Args:
        ids (list[str]): All training ids.
        pixels (np.ndarray): Pixels per image and class, of shape (len(ids), classes).
        counts (tuple[int]): Lengths of the lists.
        seed (int): Seed of the random quarters.

    Returns:
        dict[int, list[str]]: Sorted labelled ids for every count.
    """
    rng = np.random.default_rng(seed)
    traits = np.concatenate([pixels > 0, pixels / pixels.sum(axis=1, keepdims=True)], axis=1)
    target = traits.mean(axis=0)
    traits, target = traits[:, target > 0], target[target > 0]
    left, order, total = np.arange(len(ids)), [], 0.0
    while len(order) < max(counts):
        looked_at = rng.choice(left, size=-(-len(left) // 4), replace=False)
        means = (total + traits[looked_at]) / (len(order) + 1)
        best = looked_at[np.abs(means / target - 1).sum(axis=1).argmin()]
        order.append(best)
        total = total + traits[best]
        left = left[left != best]
    return {n: sorted(ids[k] for k in order[:n]) for n in counts}


def write_list(path: Path, ids: list) -> None:
    """Write one id per line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(''.join(f'{name}\n' for name in ids))


def write_splits(folder: Path, dataset: str, ids: list, labelled: dict) -> None:
    """Write ``<folder>/<dataset>_<n>/{labeled,unlabeled}.txt`` for each list, and the full one.

    Args:
        folder (Path): The folder ``splits``.
        dataset (str): First part of the benchmarks' names.
        ids (list[str]): All training ids.
        labelled (dict[int, list[str]]): Labelled ids for every count.
    """
    for n, chosen in labelled.items():
        write_list(folder / f'{dataset}_{n}' / 'labeled.txt', chosen)
        write_list(folder / f'{dataset}_{n}' / 'unlabeled.txt', sorted(set(ids) - set(chosen)))
    write_list(folder / f'{dataset}_{len(ids)}' / 'labeled.txt', sorted(ids))


def check_seed(seed: int) -> None:
    """Raise for a seed that numpy does not take.

    Raises:
        UserError: If the seed is negative.
    """
    if seed < 0:
        raise UserError(f'--seed {seed}: a seed is 0 or more')


def add_seed(parser) -> None:
    """Add the option for the seed of drawn data and lists."""
    parser.add_argument('--seed', type=int, default=0, help='seed of what is drawn (0)')
