"""What the launcher asks of Slurm's own commands; no accounting data base is needed."""

import os
import re
import shutil
import subprocess

from mmseg_plugins.errors import UserError

# Slurm answers in seconds; a controller that is away, after its own timeouts.
TIMEOUT_S = 120
YEAR_MIN = 525600


def ask(*command: str) -> str:
    """Run one of Slurm's commands.

    Args:
        *command (str): The command and its arguments.

    Returns:
        str: What it printed.

    Raises:
        UserError: If Slurm is not installed, or with its first line of complaint.
    """
    if shutil.which(command[0]) is None:
        raise UserError(
            f'--executor slurm: no {command[0]} command here, Slurm is not installed; run this on '
            'a login node of the cluster, or use --executor local'
        )
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise UserError(f'{command[0]} gave no answer in {TIMEOUT_S} s; is slurmctld up?') from None
    if result.returncode:
        raise UserError(f'{command[0]}: {complaint(result.stderr)}')
    return result.stdout


def complaint(text: str) -> str:
    """The first error line of one of Slurm's commands."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r'\w+: (error|fatal): ', line)]
    return re.sub(r'^\w+: (error|fatal): ', '', (errors or lines or ['failed without a word'])[0])


def partitions() -> dict[str, str]:
    """The partitions and their time limits; the default one also as ''."""
    found = {}
    for line in ask('sinfo', '--noheader', '--format=%P|%l').splitlines():
        name, _, limit = line.strip().partition('|')
        found[name.rstrip('*')] = limit
        if name.endswith('*'):
            found[''] = limit
    return found


def minutes(limit: str) -> int:
    """A time limit as Slurm writes it (``1-12:00:00``, ``30:00``, ``90``, ``infinite``).

    Args:
        limit (str): The limit.

    Returns:
        int: Minutes, rounded up; a year where there is no limit.

    Raises:
        UserError: If it is none of these forms.
    """
    if limit.lower() in ('infinite', 'unlimited', 'n/a', ''):
        return YEAR_MIN
    form = re.fullmatch(r'(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?', limit)
    if not form:
        raise UserError(f'--slurm time={limit} is not a time as Slurm takes it; e.g. 1-12:00:00')
    days, *parts = (int(part or 0) for part in form.groups())
    if form[1] is None and form[4] is None:  # minutes, minutes:seconds
        parts = [0, *parts[:2]]
    hours, minute, seconds = parts
    return (days * 24 + hours) * 60 + minute + bool(seconds)


def queued_jobs() -> dict[str, tuple[str, str]]:
    """The jobs of this user that wait or run: id, with index in an array, to state and reason."""
    lines = ask('squeue', '--me', '--noheader', '--array', '--format=%i|%T|%r').splitlines()
    rows = [line.strip().split('|', 2) for line in lines if line.count('|') >= 2]
    return {job: (state, reason) for job, state, reason in rows}


def job_state(job: str) -> str:
    """The state of a job that may have ended, in capitals; '' if Slurm no longer knows it."""
    try:
        found = re.search(r'\bJobState=(\w+)', ask('scontrol', 'show', 'job', '--oneliner', job))
    except UserError:
        return ''
    return found[1] if found else ''


def requeue(job: str) -> bool:
    """Put a running or ended job back into the queue, in its own array and under its cap.

    Args:
        job (str): Its id.

    Returns:
        bool: Whether Slurm still knew it.
    """
    try:
        ask('scontrol', 'requeue', job)
    except UserError:
        return False
    return True


def largest_array() -> int:
    """How many jobs an array may have."""
    found = re.search(r'^MaxArraySize\s*=\s*(\d+)', ask('scontrol', 'show', 'config'), re.MULTILINE)
    return max(1, int(found[1])) if found else 1000


def own_job() -> str:
    """The id of the job in which this process runs."""
    array, index = os.environ.get('SLURM_ARRAY_JOB_ID'), os.environ.get('SLURM_ARRAY_TASK_ID')
    return f'{array}_{index}' if array else os.environ['SLURM_JOB_ID']
