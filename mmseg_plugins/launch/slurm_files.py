"""Two small files in a work directory: which Slurm job trains there, and how that job ended."""

import dataclasses
import json
import os
from pathlib import Path

from .campaign import End
from .run import Run

# written by the launcher, and by the job; never by both
SUBMITTED, ENDED = 'slurm.json', 'slurm_end.json'


def write_submitted(run: Run, job: str) -> None:
    """Note the job of a run, with the command that it stands for."""
    _write(run.work_dir / SUBMITTED, {'job': job, 'command': run.command()})


def read_submitted(run: Run) -> tuple[str, list[str]] | None:
    """The last job of a run and the command it stands for; None if there is none."""
    found = _read(run.work_dir / SUBMITTED)
    job, command = found.get('job'), found.get('command')
    return (job, command) if isinstance(job, str) and isinstance(command, list) else None


def write_end(run: Run, job: str, end: End) -> None:
    """Note how a job ended."""
    _write(run.work_dir / ENDED, {'job': job, **dataclasses.asdict(end)})


def read_end(run: Run, job: str) -> End | None:
    """How a job ended; None if it did not say."""
    found = _read(run.work_dir / ENDED)
    if found.pop('job', None) != job or found.get('status') not in ('done', 'failed'):
        return None
    try:
        return End(**found)
    except TypeError:
        return None


def forget_end(run: Run) -> None:
    """A job starts, perhaps again."""
    (run.work_dir / ENDED).unlink(missing_ok=True)


def _write(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'{path.name}.{os.getpid()}.part')
    part.write_text(json.dumps(content))
    os.replace(part, path)


def _read(path: Path) -> dict:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
