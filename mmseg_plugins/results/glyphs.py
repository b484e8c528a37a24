"""Fonts for names that a figure's own font cannot write."""

import contextlib

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text

BASE = 'DejaVu Sans'  # comes with matplotlib: Latin, Greek, Cyrillic and more
# Fonts of boxes, and of symbols at places that Unicode leaves to private use.
NO_LETTERS = ('Last Resort', 'STIXNonUnicode')


def make_legible(figure: Figure) -> None:
    """Give all texts of a figure fonts that have their characters.

    A character that :data:`BASE` lacks is drawn from the first font of this machine that has it;
    where none has it, its code stands there (``\\u540d``) instead of an empty box.

    Args:
        figure (Figure): The figure, changed in place.
    """
    # tick labels come into being when asked for
    axes = [axis for one in figure.axes for axis in (one.xaxis, one.yaxis)]
    labels = {axis: [label.get_text() for label in axis.get_ticklabels()] for axis in axes}
    texts = figure.findobj(Text)
    needed = {char for text in texts for char in text.get_text()} - {'\n'}
    missing = needed - characters(font_manager.findfont(BASE))
    if not missing:
        return
    families, unknown = fallbacks(missing)
    codes = {ord(char): f'\\u{ord(char):04x}' for char in unknown}
    for text in texts:
        text.set_fontfamily([BASE, *families])
        text.set_text(text.get_text().translate(codes))
    for axis, names in labels.items():
        if unknown & set(''.join(names)):  # names stand at fixed places; numbers are never unknown
            axis.set_ticklabels([name.translate(codes) for name in names])


def characters(path: str) -> set[str]:
    """The characters of a font file; none where it cannot be read."""
    with contextlib.suppress(OSError, RuntimeError):
        return set(map(chr, font_manager.get_font(path).get_charmap()))
    return set()


def fallbacks(missing: set[str]) -> tuple[list[str], set[str]]:
    """Fonts of this machine, by name, that have the characters.

    Args:
        missing (set[str]): The characters.

    Returns:
        tuple[list[str], set[str]]: Families, and the characters that none of them has.
    """
    families = []
    for font in sorted(font_manager.fontManager.ttflist, key=lambda font: (font.name, font.fname)):
        if font.style != 'normal' or font.name.startswith(NO_LETTERS) or not missing:
            continue
        if found := missing & characters(font.fname):
            families.append(font.name)
            missing = missing - found
    return list(dict.fromkeys(families)), missing
