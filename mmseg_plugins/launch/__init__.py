"""Starts many runs with stock ``mim train`` commands and watches them.

The run list (:mod:`.run`), what a work directory says (:mod:`.state`) and who executes
(:mod:`.executor`, on this machine) are apart, so that another executor takes the same list.
"""

from .executor import LocalExecutor, Outcome
from .run import Run, plan_runs
from .state import RunState

__all__ = ['LocalExecutor', 'Outcome', 'Run', 'RunState', 'plan_runs']
