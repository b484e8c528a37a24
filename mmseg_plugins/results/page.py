"""``index.html``: the leaderboard as one file that opens from disk without a network."""

import base64
import hashlib
from pathlib import Path
from string import Template

import pandas as pd

from mmseg_plugins.results.page_data import page_data

TEMPLATES = Path(__file__).parent / 'templates'
# Bytes, with room for the rest below 5 MB.
DATA_SIZE = 4_800_000


def build_page(
    cells: pd.DataFrame,
    runs: pd.DataFrame,
    published: pd.DataFrame,
    curves: str | Path | None = None,
    size: int = DATA_SIZE,
    max_curves: int = 600,
    points: int = 60,
) -> str:
    """Build the page; the same input gives the same text.

    Its policy lets no request leave it and runs no script but its own. What comes from runs and
    tables is data in it, never markup.

    Args:
        cells (pd.DataFrame): From :func:`cells.cell_table`.
        runs (pd.DataFrame): ``runs.csv`` as :func:`table.read_table` gives it.
        published (pd.DataFrame): ``published.csv`` as :func:`published.read_published` gives it.
        curves (str | Path, optional): The folder ``results/curves``. Defaults to None: no curves.
        size (int): Bytes of data in it at most: beyond, rows keep their means and as many runs as
            fit, and say how many are left out. Defaults to 4 800 000.
        max_curves (int): Curves in it at most, spread over the rows. Defaults to 600.
        points (int): To how many points each scalar of a run is thinned. Defaults to 60.

    Returns:
        str: HTML.

    Raises:
        UserError: If a curve or a column of ``runs.csv`` cannot be read, or the rows alone are
            larger than ``size``.
    """
    html, style, *scripts = (
        (TEMPLATES / name).read_text(encoding='utf-8')
        for name in ('page.html', 'page.css', 'base.js', 'table.js', 'detail.js', 'start.js')
    )
    script = ''.join(scripts)
    policy = (
        f"default-src 'none'; style-src {_source(style)}; script-src {_source(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    data = page_data(cells, runs, published, curves, size, max_curves, points)
    return Template(html).substitute(policy=policy, style=style, data=data, script=script)


def _source(text: str) -> str:
    """An inline script or style as a content security policy names it: by its hash."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
