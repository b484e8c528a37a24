"""The table of all leaves in ``configs/README.md``."""

import pandas as pd

from mmseg_plugins.results.commands import cell_command

from .load import Leaf

BEGIN, END = '<!-- cells: written by tools/make_configs.py -->', '<!-- end of cells -->'


def readme_table(readme: str, leaves: list[Leaf], published: pd.DataFrame) -> str:
    """Put the table of all leaves between the two markers of the README.

    Args:
        readme (str): The text of ``configs/README.md``.
        leaves (list[Leaf]): The leaves in the order of the table.
        published (pd.DataFrame): What ``read_published`` returned.

    Returns:
        str: The text with the table.
    """
    families = {}
    for leaf in leaves:
        family = leaf.protocol['benchmark'].rpartition('_')[0]
        families.setdefault(family, []).append(_row(leaf, published))
    lines = []
    for family, rows in families.items():
        head = list(rows[0])
        lines += [f'### {family}', '', _line(head), _line(['---'] * len(head))]
        lines += [*(_line(row.values()) for row in rows), '']
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f'{before}{BEGIN}\n\n' + '\n'.join(lines) + f'\n{END}{after}'


def _line(items) -> str:
    return '| ' + ' | '.join(items) + ' |'


def _row(leaf: Leaf, published: pd.DataFrame) -> dict[str, str]:
    protocol = leaf.protocol
    gpus, crop = protocol['gpus'], protocol['crop']
    crop = crop if isinstance(crop, int) else ' x '.join(map(str, crop))
    benchmark, method, network = protocol['cell'].split('/')
    batch = f'({protocol["labelled_batch"]} + {protocol["unlabelled_batch"]})'
    return {
        'leaf': f'[{benchmark}, {method}, {network}, {crop}]({leaf.name})'
        + ('' if protocol['primary'] else ' (not primary)'),
        'labelled / unlabelled': f'{protocol["labelled_images"]} / {protocol["unlabelled_images"]}',
        'iterations': str(protocol['iterations']),
        'GPUs x batch': f'{gpus} x {batch}',
        'memory of a GPU': leaf.settings['memory'],
        'published mIoU': published_value(protocol['cell'], published),
        'setting': '; '.join(filter(None, [protocol['setting'], protocol.get('speed')])),
        'command': f'`{cell_command(f"configs/{leaf.name}", gpus)}`',
    }


def published_value(cell: str, published: pd.DataFrame) -> str:
    """The published number of a cell: the target's, else the range of all.

    Args:
        cell (str): ``<benchmark>/<method>/<network>``.
        published (pd.DataFrame): What ``read_published`` returned.

    Returns:
        str: E.g. ``'**76.40**'`` for a target, ``'72.1 – 74.4'``, or a dash.
    """
    rows = published[published['cell'] == cell]
    target = rows[rows['target'] != '']
    if len(target):
        return f'**{target["value"].iloc[0]:.2f}**'
    if rows.empty:
        return '–'
    low, high = rows['value'].min(), rows['value'].max()
    return f'{low:.2f}' if low == high else f'{low:.2f} – {high:.2f}'
