"""Read a config that MMEngine dumped as what it is, a list of literals; nothing is executed."""

import ast
from typing import Any


class _DictCalls(ast.NodeTransformer):
    """Turn ``dict(a=1)`` into ``{'a': 1}``, so that a dumped config is a sum of literals."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.func, ast.Name) or node.func.id != 'dict':
            return node
        if len(node.args) == 1 and not node.keywords:
            return node.args[0]
        if node.args or any(keyword.arg is None for keyword in node.keywords):
            return node
        keys = [ast.Constant(keyword.arg) for keyword in node.keywords]
        return ast.Dict(keys, [keyword.value for keyword in node.keywords])


def read_literals(text: str) -> dict[str, Any]:
    """The variables that a dumped config sets.

    Args:
        text (str): Python text.

    Returns:
        dict[str, Any]: Name and value of each.

    Raises:
        ValueError: If the text is more than assignments of plain values.
    """
    settings = {}
    try:
        for statement in _DictCalls().visit(_parse(text)).body:
            settings[statement.targets[0].id] = ast.literal_eval(statement.value)
    except (SyntaxError, ValueError, AttributeError, TypeError, RecursionError, MemoryError):
        raise ValueError('the config is more than plain values') from None
    return settings


def find_key(config: Any, key: str) -> Any:
    """The first value of a key in nested dicts and lists that is not None; None without one."""
    if isinstance(config, dict):
        if config.get(key) is not None:
            return config[key]
        config = list(config.values())
    if isinstance(config, (list, tuple)):
        return next((v for v in (find_key(item, key) for item in config) if v is not None), None)
    return None


def _parse(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SystemError:  # a rare fault of Python before 3.11.8, of the moment: cpython issue 106905
        return ast.parse(text)
