"""Leaves of the matrix by benchmark, method and network."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from mmseg_plugins.errors import UserError
from mmseg_plugins.matrix import Leaf, load_matrix, matrix_leaves

CONFIGS = Path(__file__).parents[1] / '.mim' / 'configs'
AXES = ('benchmark', 'method', 'network')


def select_configs(filters: Mapping[str, Sequence[str]], variants: bool = False) -> list[str]:
    """The leaves that match, in the order of the matrix.

    Args:
        filters (Mapping[str, Sequence[str]]): For an axis, patterns of which one must match; an
            axis without any is not filtered.
        variants (bool): Also the leaves that are not the primary one of their cell. Defaults to
            False.

    Returns:
        list[str]: Paths.

    Raises:
        UserError: If a pattern matches nothing that there is, naming what there is, or if no leaf
            matches them all.
    """
    leaves = list(_leaves().values())
    for axis in AXES:
        known = list(dict.fromkeys(leaf.protocol[axis] for leaf in leaves))
        for pattern in filters.get(axis, ()):
            if not any(fnmatchcase(value, pattern) for value in known):
                raise UserError(f'--{axis} {pattern} is unknown; known are {", ".join(known)}')
    found = [
        leaf for leaf in leaves if all(_matches(leaf, axis, filters.get(axis, ())) for axis in AXES)
    ]
    chosen = [leaf for leaf in found if variants or leaf.protocol['primary']]
    if not chosen:
        asked = ' '.join(f'--{axis} {value}' for axis in AXES for value in filters.get(axis, ()))
        methods = sorted({leaf.protocol['method'] for leaf in _on_benchmarks(leaves, filters)})
        raise UserError(
            f'{asked}: the matrix has no such cell; on these benchmarks there are '
            f'{", ".join(methods)}'
        )
    return [str((CONFIGS / leaf.name).resolve()) for leaf in chosen]


def leaf_of(config: Path) -> Leaf | None:
    """The matrix's entry of a config file; None if it is not one of the matrix."""
    return _leaves().get(config.resolve())


@cache
def _leaves() -> dict[Path, Leaf]:
    matrix = load_matrix(CONFIGS / 'matrix.yml')
    return {(CONFIGS / leaf.name).resolve(): leaf for leaf in matrix_leaves(matrix)}


def _matches(leaf: Leaf, axis: str, patterns: Sequence[str]) -> bool:
    value = leaf.protocol[axis]
    return not patterns or any(fnmatchcase(value, pattern) for pattern in patterns)


def _on_benchmarks(leaves: list[Leaf], filters: Mapping[str, Sequence[str]]) -> list[Leaf]:
    return [leaf for leaf in leaves if _matches(leaf, 'benchmark', filters.get('benchmark', ()))]
