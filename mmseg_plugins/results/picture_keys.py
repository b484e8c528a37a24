"""What figures of pictures share: sizes, and the legends below them."""

from matplotlib import pyplot as plt
from matplotlib.artist import Artist
from matplotlib.patches import Patch

# Inches; a README shows the whole figure some 900 px wide.
WIDTH, GAP, LINE = 9.0, 0.07, 0.16


def patch(name: str, colour) -> Patch:
    """A legend entry of a colour."""
    return Patch(fc=colour, ec='#777777', lw=0.5, label=name)


def entries_per_line(keys: list[Artist]) -> int:
    """How many legend entries fit beside each other: all, or columns of the longest one."""
    widths = [0.45 + 0.065 * len(key.get_label()) for key in keys]
    return len(keys) if sum(widths) < WIDTH else max(1, int(WIDTH / max(widths)))


def draw_keys(figure: plt.Figure, keys: list[Artist], per_line: int, top: float) -> None:
    """A legend across the foot of a figure, without a frame's room.

    Args:
        figure (plt.Figure): The figure.
        keys (list[Artist]): Its entries.
        per_line (int): See :func:`entries_per_line`.
        top (float): Its upper edge, as a share of the figure's height.
    """
    figure.legend(
        handles=keys,
        ncols=per_line,
        loc='upper center',
        bbox_to_anchor=(0.5, top),
        handlelength=1.2,
        columnspacing=1.2,
        borderpad=0,
        borderaxespad=0,
    )
