"""How figures look, the same in all of them, and their bytes."""

import io
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib
import pandas as pd

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.glyphs import BASE, make_legible

matplotlib.use('Agg')
from matplotlib import pyplot as plt  # noqa: E402  (the backend comes first)

# Okabe and Ito's colours, told apart by colour-blind readers; a marker repeats each in print.
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000')
MARKERS = 'osD^PvX<>h*'
LINES = ('-', '--', ':', '-.', (0, (8, 2)), (0, (3, 1, 1, 1, 1, 1)))
# A second config of one method (a longer schedule) is half filled; published numbers are hollow.
FILLS = ('full', 'left', 'bottom', 'right')
NAMES = {
    'suponly': 'SupOnly',
    'cutmix': 'CutMix',
    'corrmatch': 'CorrMatch',
    'cutout': 'CutOut',
    'cutmix-colour': 'CutMix + colour',
    'cutout-colour': 'CutOut + colour',
    'cutmix-lu': 'CutMix, labelled partner',
    'cutmix-strips': 'CutMix, strips',
}
GREY = '#555555'
STYLE = {
    'font.family': BASE,
    'svg.hashsalt': 'mmseg_plugins',
    'text.parse_math': False,  # names come from runs: a $ in one is a $
    'font.size': 9,
    'axes.titlesize': 9,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.grid': True,
    'grid.color': '#dddddd',
    'grid.linewidth': 0.6,
    'axes.axisbelow': True,
    'legend.frameon': False,
    'figure.dpi': 150,
}
# Suffixes, and what matplotlib would write beside the picture that is not of it.
FORMATS = {'.svg': {'Date': None, 'Creator': None}, '.png': {'Software': None}}


def drawing(**changes) -> AbstractContextManager:
    """Draw in :data:`STYLE`, whatever the user's ``matplotlibrc`` says.

    Args:
        **changes: Other values, with ``_`` for the dot in a name.

    Returns:
        AbstractContextManager: Outside of it nothing has changed.
    """
    others = {name.replace('_', '.', 1): value for name, value in changes.items()}
    return plt.style.context(['default', {**STYLE, **others}])


def method_styles(methods: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker per method.

    Args:
        methods (Iterable[str]): The methods of all figures.

    Returns:
        dict[str, tuple[str, str]]: Those of :data:`NAMES` always have the same; others follow by
        name.
    """
    ordered = [*NAMES, *sorted(set(methods) - set(NAMES))]
    return {
        method: (COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)])
        for number, method in enumerate(ordered)
    }


def series_label(method: str, network: str, networks: Sequence[str]) -> str:
    """The method, with the network where the figure has several ``networks``."""
    name = NAMES.get(method, ' '.join(method.split()) or 'no method')
    return f'{name}, {network}' if len(set(networks)) > 1 else name


def variant_labels(cells: pd.DataFrame) -> pd.Series:
    """What a label needs where configs of one method differ in their crop or in options of speed.

    Args:
        cells (pd.DataFrame): Rows of :func:`cells.cell_table`.

    Returns:
        pd.Series: ``', crop 321'`` where another config of the benchmark, method and network has
        another crop, then ``', bf16'`` where it has that option; else nothing.
    """
    crops = pd.Series([str(fields.get('crop')) for fields in cells['protocol']], cells.index)
    groups = [cells[name] for name in ('benchmark', 'method', 'network')]
    several = crops.groupby(groups).transform('nunique') > 1
    speeds = [fields.get('speed') for fields in cells['protocol']]
    options = pd.Series([f', {speed}' if speed else '' for speed in speeds], cells.index, dtype=str)
    return (', crop ' + crops).where(several, '') + options


def render(figure: plt.Figure, formats: Sequence[str] = tuple(FORMATS)) -> dict[str, bytes]:
    """A figure as SVG and PNG, without dates and versions in it; it is closed.

    The bytes depend on the figure alone, and on the fonts of the machine only where it has
    characters that matplotlib's own font lacks.

    Args:
        figure (plt.Figure): The figure.
        formats (Sequence[str]): Those wanted. Defaults to all of :data:`FORMATS`.

    Returns:
        dict[str, bytes]: Suffix to the content of such a file.
    """
    files = {}
    with drawing():
        make_legible(figure)
        for suffix in formats:
            buffer = io.BytesIO()
            figure.savefig(buffer, format=suffix[1:], metadata=FORMATS[suffix], bbox_inches='tight')
            files[suffix] = buffer.getvalue()
    plt.close(figure)
    return files


def check_picture(path: Path) -> Path:
    """A file name that the user gave for a picture.

    Raises:
        UserError: If its suffix is none that :func:`render` makes.
    """
    if path.suffix not in FORMATS:
        raise UserError(f'--out {path}: the suffix says the format; use .png or .svg')
    return path
