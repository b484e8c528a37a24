"""What a work directory says about its runs: ``run.json`` and the newest ``scalars.json``."""

import json
from dataclasses import dataclass
from pathlib import Path

TAIL_BYTES = 65536


@dataclass(frozen=True)
class RunState:
    """The newest start in a work directory.

    Args:
        folder (Path): ``<work dir>/<timestamp>``.
        record (dict): Its ``run.json``; empty where that is missing or broken.
    """

    folder: Path
    record: dict

    @classmethod
    def folders(cls, work_dir: Path) -> set[Path]:
        """The folders of all starts in a work directory."""
        return {path.parent for path in work_dir.glob('*/run.json')}

    @classmethod
    def read(cls, work_dir: Path, older: set[Path] = frozenset()) -> 'RunState | None':
        """The newest start.

        Args:
            work_dir (Path): The run's work directory.
            older (set[Path]): Folders to leave out: the starts before this one. Defaults to empty.

        Returns:
            RunState | None: None if there is no start.
        """
        # MMEngine names the folders by time, so names sort as times do.
        folder = max(cls.folders(work_dir) - older, default=None, key=lambda path: path.name)
        if folder is None:
            return None
        try:
            record = json.loads((folder / 'run.json').read_text())
        except (OSError, ValueError):
            record = {}
        return cls(folder, record if isinstance(record, dict) else {})

    @property
    def status(self) -> str:
        return self.record.get('status') or ''

    @property
    def reason(self) -> str:
        return ' '.join(str(self.record.get('reason') or '').split())

    @property
    def iters_done(self) -> int:
        return self.record.get('iters_done') or 0

    @property
    def iters_planned(self) -> int:
        return self.record.get('iters_planned') or 0

    @property
    def complete(self) -> bool:
        return self.status == 'finished' and self.iters_done == self.iters_planned > 0

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is something to resume from; MMEngine writes this file with each one."""
        return (self.folder.parent / 'last_checkpoint').is_file()

    @property
    def dumped_config(self) -> Path:
        return self.folder / 'vis_data' / 'config.py'

    def miou(self, which: str = 'last') -> float | None:
        """The mIoU of the 'last' or 'best' validation, None before the first one or when NaN."""
        return ((self.record.get('metrics') or {}).get(which) or {}).get('mIoU')

    def iteration(self) -> int:
        """The iteration reached, from the end of ``scalars.json``, newer than the record."""
        try:
            with open(self.folder / 'vis_data' / 'scalars.json', 'rb') as file:
                file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
                lines = file.read().splitlines()
        except OSError:
            return self.iters_done
        for line in reversed(lines):
            try:
                row = json.loads(line)
            except ValueError:  # the line is being written, or the tail begins inside it
                continue
            if isinstance(row, dict) and (step := row.get('iter', row.get('step'))):
                return max(int(step), self.iters_done)
        return self.iters_done
