"""How figures look, the same in all of them, and their bytes."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib

from mmseg_plugins.errors import UserError

matplotlib.use('Agg')
from matplotlib import pyplot as plt  # noqa: E402  (the backend comes first)

# Okabe and Ito's colours, told apart by colour-blind readers; a marker repeats each in print.
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000')
MARKERS = 'osD^PvX<>h*'
LINES = ('-', '--', ':', '-.')
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


def render(figure: plt.Figure) -> dict[str, bytes]:
    """A figure as SVG and PNG, without dates and versions in it; it is closed.

    Args:
        figure (plt.Figure): The figure.

    Returns:
        dict[str, bytes]: ``'.svg'`` and ``'.png'`` to the content of such a file.
    """
    files = {}
    for suffix, metadata in (
        ('.svg', {'Date': None, 'Creator': None}),
        ('.png', {'Software': None}),
    ):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix[1:], metadata=metadata, bbox_inches='tight')
        files[suffix] = buffer.getvalue()
    plt.close(figure)
    return files


def check_picture(path: Path) -> Path:
    """A file name that the user gave for a picture.

    Raises:
        UserError: If its suffix is none that :func:`render` makes.
    """
    if path.suffix not in ('.png', '.svg'):
        raise UserError(f'--out {path}: the suffix says the format; use .png or .svg')
    return path
