"""Whether measured cells reproduce their published numbers."""

import pandas as pd

from mmseg_plugins.results.cells import MEASURED
from mmseg_plugins.results.leaderboard import markdown
from mmseg_plugins.results.tables import DASH, spread


def verify(cells: pd.DataFrame) -> tuple[str, bool]:
    """Judge every measured cell.

    Args:
        cells (pd.DataFrame): From :func:`cells.cell_table`.

    Returns:
        tuple[str, bool]: A table with a summary line, and whether a cell is out of tolerance.
    """
    rows = cells[cells['status'] == MEASURED].to_dict('records')
    table = pd.DataFrame(
        {
            'config': [row['config'] for row in rows],
            'ours': [spread(row['own_mean'], row['own_std'], row['n']) for row in rows],
            'selection': [row['rule'] for row in rows],
            'published': [_or_dash(row['published'], 'g') for row in rows],
            'difference': [_or_dash(row['difference'], '+z.2f') for row in rows],
            'tolerance': [_or_dash(row['tolerance'], 'g') for row in rows],
            'verdict': [_verdict(row) for row in rows],
        }
    )
    words = [row['verdict'] for row in rows]
    out = words.count('below') + words.count('above')
    judged = out + words.count('within')
    summary = (
        f'{len(rows)} measured, {judged} comparable with a published number, {out} out of tolerance'
    )
    return (f'{markdown(table)}\n\n{summary}' if rows else summary), out > 0


def _or_dash(value: float, form: str) -> str:
    return DASH if pd.isna(value) else format(value, form)


def _verdict(row: dict) -> str:
    if row['verdict'] == 'not comparable':
        return f'not comparable, because of {row["reason"]}'
    return row['verdict'] or 'no published number'
