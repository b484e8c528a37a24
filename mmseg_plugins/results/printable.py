"""Names of others in a text for people, on a terminal and in a table."""


def printable(text: str, kept: str = '') -> str:
    """A text without line breaks, control characters and marks that turn the direction of writing.

    Args:
        text (str): Any text; it may hold names from runs.
        kept (str): Characters that stay as they are. Defaults to none.

    Returns:
        str: The same, with each character that cannot be printed as Python writes it: ``\\x1b``.
    """
    if text.isprintable():
        return text
    return ''.join(c if c.isprintable() or c in kept else repr(c)[1:-1] for c in text)
