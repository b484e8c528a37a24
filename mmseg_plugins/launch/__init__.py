"""Starts many runs with stock ``mim train`` commands and watches them.

The leaves chosen (:mod:`.selection`), the run list (:mod:`.plan`, :mod:`.run`), what a work
directory says (:mod:`.state`), the scheduling (:mod:`.campaign`, :mod:`.drive`) and who executes
(:mod:`.local`, :mod:`.slurm`) are apart.
"""

from .campaign import Campaign, End
from .drive import Executor, drive
from .local import LocalExecutor, check_writable
from .plan import plan_runs
from .run import Run
from .selection import select_configs
from .slurm import SlurmExecutor
from .state import RunState

__all__ = [
    'Campaign',
    'End',
    'Executor',
    'LocalExecutor',
    'Run',
    'RunState',
    'SlurmExecutor',
    'check_writable',
    'drive',
    'plan_runs',
    'select_configs',
]
