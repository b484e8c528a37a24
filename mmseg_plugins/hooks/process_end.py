"""Hear of the ends of a process of which MMEngine tells no hook."""

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, ClassVar, Optional

SIGNALS = ('SIGTERM', 'SIGHUP')


class ProcessEnd:
    """Listens to ``sys.excepthook``, to SIGTERM and SIGHUP and to the end of the process.

    Whatever was there before is called afterwards. One listener is active at a time, so that
    several runs in one process do not pile up.

    Args:
        on_error (Callable[[BaseException], None]): Called with an exception that nobody caught.
        on_end (Callable[[str, str], None]): Called with ``'interrupted'`` and the reason.
    """

    _active: ClassVar[Optional['ProcessEnd']] = None

    def __init__(
        self, on_error: Callable[[BaseException], None], on_end: Callable[[str, str], None]
    ) -> None:
        self.on_error = on_error
        self.on_end = on_end
        self._signals: dict[int, Any] = {}

    def listen(self, errors_only: bool = False) -> None:
        """Install the handlers, in place of another listener's.

        Args:
            errors_only (bool): Listen to exceptions only, as long as there is nothing to save but
                what an exception says. Defaults to False.
        """
        if ProcessEnd._active is not None:
            ProcessEnd._active.stop()
        ProcessEnd._active = self
        self._next_hook, sys.excepthook = sys.excepthook, self._on_exception
        if errors_only:
            return
        atexit.register(self._on_exit)
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in SIGNALS if hasattr(signal, name)):
                # A signal that is ignored (nohup) stays ignored.
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._signals[number] = signal.signal(number, self._on_signal)

    def stop(self) -> None:
        """Take the handlers away."""
        if ProcessEnd._active is not self:
            return
        ProcessEnd._active = None
        if sys.excepthook == self._on_exception:
            sys.excepthook = self._next_hook
        atexit.unregister(self._on_exit)
        for number, handler in self._signals.items():
            if signal.getsignal(number) == self._on_signal:
                signal.signal(number, handler)
        self._signals = {}

    def _on_exception(self, kind, error, traceback) -> None:
        try:
            self.on_error(error)
        finally:
            self._next_hook(kind, error, traceback)

    def _on_signal(self, number: int, frame) -> None:
        # Where the whole process group is told to end, loader workers die first, and torch's
        # handler for that would raise in the middle of the write.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.on_end('interrupted', f'received {signal.Signals(number).name}')
        self.stop()
        os.kill(os.getpid(), number)  # now with the handler that was there before

    def _on_exit(self) -> None:
        self.on_end('interrupted', 'the process ended before the training did')
