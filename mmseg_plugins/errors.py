"""Mistakes a user can make and mend, told in one line."""

import functools
import re
import sys

from mmseg_plugins.out_of_memory import ran_out, training_line


class UserError(RuntimeError):
    """A user's mistake: bad data, a bad list, a bad option.

    The message is one line and says what is wrong, where, the offending value, and the fix. It is
    printed without a traceback: :func:`install_excepthook` does so under ``mim``,
    :func:`main_guard` in the project's own tools.
    """


def one_line(error: BaseException) -> str:
    """The message of a :class:`UserError`, also when a loader worker has wrapped it.

    A DataLoader re-raises a worker's exception as the same type with the worker's whole traceback
    as its message; the mistake itself is the last line of that.

    Args:
        error (BaseException): The exception.

    Returns:
        str: One line.
    """
    lines = str(error).strip().splitlines() or [type(error).__name__]
    # a worker's traceback names the class, perhaps a subclass, before the message
    return re.sub(r'^mmseg_plugins\.[\w.]*Error: |^.*UserError: ', '', lines[-1])


def install_excepthook() -> None:
    """Make ``sys.excepthook`` print one line for a :class:`UserError` and for memory that ran out.

    It defers otherwise.

    Under ``mim`` it is mmseg's script that runs, so this is the only place to catch a mistake.
    """
    previous = sys.excepthook

    def excepthook(kind, error, traceback) -> None:
        if issubclass(kind, UserError):
            print(f'error: {one_line(error)}', file=sys.stderr)
        elif ran_out(error):
            print(f'error: {training_line(error, traceback)}', file=sys.stderr)
        else:
            previous(kind, error, traceback)

    sys.excepthook = excepthook


def main_guard(main):
    """Decorate a tool's ``main``: a user's mistake becomes one line on stderr and exit code 1.

    Ctrl-C exits with 130, a closed pipe (``| head``) quietly, as a shell expects.
    """

    @functools.wraps(main)
    def guarded(*args, **kwargs):
        try:
            return main(*args, **kwargs)
        except UserError as error:
            sys.exit(f'error: {one_line(error)}')
        except KeyboardInterrupt:
            sys.exit(130)
        except BrokenPipeError:
            sys.stdout = None
            sys.exit(0)

    return guarded
