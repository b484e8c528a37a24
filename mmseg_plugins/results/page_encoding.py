"""JSON for the page: safe to embed, and small."""

import json
import math
import re
from typing import Any


class Strings:
    """Texts that many rows share, each kept once and known by its number."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def __call__(self, text: Any) -> int | None:
        """The number of a text; None for none."""
        if text is None or text == '' or text != text:
            return None
        return self.numbers.setdefault(str(text), len(self.numbers))


def table(rows: list[dict], texts: list[str], numbers: list[str], strings: Strings) -> dict:
    """A table for the page.

    Args:
        rows (list[dict]): The rows, with at least these columns.
        texts (list[str]): The columns that are text.
        numbers (list[str]): The columns that are numbers.
        strings (Strings): Where the texts go.

    Returns:
        dict: ``text`` (columns that are text), ``same`` (column to the value that all rows share),
        ``columns`` (the others) and ``rows`` (their values; texts by number).
    """
    values = {name: [strings(row[name]) for row in rows] for name in texts}
    values |= {name: [number(row[name]) for row in rows] for name in numbers}
    same = {name: column[0] for name, column in values.items() if len({*column}) == 1}
    varying = [name for name in values if name not in same]
    return {
        'text': texts,
        'same': same,
        'columns': varying,
        'rows': [[values[name][index] for name in varying] for index in range(len(rows))],
    }


def number(value: Any, digits: int = 4) -> float | int | None:
    """A number as JSON holds it; None for anything that is no finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return int(value) if value == int(value) else round(float(value), digits)


def encode(data: dict) -> str:
    """JSON for a script element: nothing in it can end the element or begin another one.

    Args:
        data (dict): Plain values; lists of rows are written one row a line, for clean diffs.

    Returns:
        str: ASCII text.
    """

    def compact(value: Any) -> str:
        text = json.dumps(value, separators=(',', ':'), allow_nan=False)
        # No tag, comment or entity; anything beyond ASCII is escaped already.
        return re.sub('[<>&]', lambda match: f'\\u{ord(match[0]):04x}', text)

    def lines(value: Any) -> str:
        if isinstance(value, list):
            return '[' + ',\n'.join(map(compact, value)) + ']'
        if isinstance(value, dict) and 'rows' in value:
            pairs = (f'"{key}":{compact(value[key])}' for key in ('text', 'same', 'columns'))
            return f'{{{",".join(pairs)},"rows":{lines(value["rows"])}}}'
        if isinstance(value, dict):
            pairs = (f'{compact(str(key))}:{compact(item)}' for key, item in value.items())
            return '{' + ',\n'.join(pairs) + '}'
        return compact(value)

    parts = (f'{compact(key)}:{lines(item)}' for key, item in data.items())
    return '{' + ',\n'.join(parts) + '}'
