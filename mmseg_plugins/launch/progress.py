"""A live line per run on stderr."""

import time
from datetime import timedelta

from rich.console import Console
from rich.live import Live
from rich.text import Text

LINE_EVERY_S = 15


def duration(seconds: float) -> str:
    """Hours, minutes and seconds, as ``0:01:05``."""
    return str(timedelta(seconds=round(seconds)))


class Progress:
    """Shows running jobs: updating lines on a terminal, else a line each every 15 seconds.

    Args:
        total (int): Number of runs.
        console (Console, optional): Where to. Defaults to stderr.
        every (float): Seconds between lines where there is no terminal. Defaults to 15.
    """

    def __init__(
        self, total: int, console: Console | None = None, every: float = LINE_EVERY_S
    ) -> None:
        self.total = total
        self.done = 0
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

    def finish(self, line: str) -> None:
        """Count a run as done and say how it ended."""
        self.done += 1
        self.say(f'[{self.done}/{self.total}] {line}')

    def update(self, lines: list[str]) -> None:
        """Show the running jobs.

        Args:
            lines (list[str]): One per job.
        """
        if self.console.is_terminal:
            self.live.update(
                Text('\n'.join(lines), no_wrap=True, overflow='ellipsis'), refresh=True
            )
        elif time.monotonic() - self._printed >= self.every:
            self._printed = time.monotonic()
            for line in lines:
                self.say(line)
