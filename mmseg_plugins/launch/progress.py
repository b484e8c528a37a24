"""What the runs are doing, on stderr."""

import time
from datetime import timedelta

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .campaign import Campaign

LINE_EVERY_S = 15
# on a terminal, the runs one wants to see come first
ORDER = ('running', 'failed', 'queued', 'done')


def duration(seconds: float) -> str:
    """Hours, minutes and seconds, as ``0:01:05``."""
    return str(timedelta(seconds=round(seconds)))


class Progress:
    """Shows a campaign: a table on a terminal, else lines every 15 seconds.

    Args:
        console (Console, optional): Where to. Defaults to stderr.
        every (float): Seconds between lines where there is no terminal. Defaults to 15.
    """

    def __init__(self, console: Console | None = None, every: float = LINE_EVERY_S) -> None:
        self.every = every
        self.console = console or Console(stderr=True, highlight=False)
        self.live = Live(console=self.console, auto_refresh=False, transient=True)
        self._printed = time.monotonic()

    def __enter__(self) -> 'Progress':
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(self, *_) -> None:
        self.live.stop()

    def say(self, line: str) -> None:
        """Print a line that stays."""
        self.console.print(Text(line), soft_wrap=True)

    def update(self, campaign: Campaign, notes: dict) -> None:
        """Show where every run is.

        Args:
            campaign (Campaign): The runs.
            notes (dict): Of the started ones, 'queued' (by a cluster) or 'running', and a note.
        """
        terminal = self.console.is_terminal
        if not terminal and time.monotonic() - self._printed < self.every:
            return
        self._printed = time.monotonic()
        rows = [
            (run.name, *notes.get(run, (entry.status, entry.note)))
            for run, entry in campaign.entries.items()
        ]
        if terminal:
            self.live.update(self._table(rows), refresh=True)
            return
        for name, status, note in rows:
            if status == 'running':
                self.say(f'{name}: {note}')
        self.say(counted(rows))

    def _table(self, rows: list[tuple[str, str, str]]) -> Group:
        rows = sorted(rows, key=lambda row: ORDER.index(row[1]))
        room = max(3, self.console.height - 6)
        table = Table('run', 'status', 'note', box=None)
        for name, status, note in rows[:room]:
            table.add_row(
                *(Text(cell, no_wrap=True, overflow='ellipsis') for cell in (name, status, note))
            )
        return Group(table, Text(counted(rows)))


def counted(rows: list[tuple]) -> str:
    """How many runs are in each status, the second item of a row."""
    statuses = [row[1] for row in rows]
    return ', '.join(f'{statuses.count(status)} {status}' for status in ORDER)
