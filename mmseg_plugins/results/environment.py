"""What a run record says about the machine, the code and the process."""

import os
import platform
import resource
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import torch

PACKAGES = ('torch', 'mmengine', 'mmseg', 'mmcv', 'mmseg_plugins')


def versions() -> dict[str, str | None]:
    """The versions of the stack as imported in this process, and of Python."""
    found: dict[str, str | None] = {}
    for name in PACKAGES:
        found[name] = getattr(sys.modules.get(name), '__version__', None)
        if found[name] is None:
            try:
                found[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                pass
    found['python'] = platform.python_version()
    return found


def git_state(*files: str | Path | None) -> tuple[str | None, bool | None]:
    """The commit of the first file that a git checkout tracks.

    A file that merely lies inside a checkout (an installed package in a virtual environment, a
    scratch config) says nothing about the code, so it is passed over.

    Args:
        files (str | Path | None): Candidates, best first.

    Returns:
        tuple[str | None, bool | None]: Commit and whether tracked files differ from it; two None
        when no candidate is tracked.
    """

    def git(folder: Path, *args: str) -> str:
        return subprocess.run(
            ['git', '-C', str(folder), *args],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        ).stdout.strip()

    for file in files:
        if file is None:
            continue
        file = Path(file).resolve()
        try:
            git(file.parent, 'ls-files', '--error-unmatch', file.name)
            commit = git(file.parent, 'rev-parse', 'HEAD')
            return commit, bool(git(file.parent, 'status', '--porcelain', '--untracked-files=no'))
        except (OSError, subprocess.SubprocessError):
            continue
    return None, None


def device_name(device: torch.device) -> str:
    """The GPU's name, or the processor's with the number of cores this process may use."""
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    name = platform.processor() or platform.machine()
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
        name = next(
            line.split(':', 1)[1] for line in lines if line.startswith('model name')
        ).strip()
    except (OSError, StopIteration):
        pass
    affinity = getattr(os, 'sched_getaffinity', None)
    cores = len(affinity(0)) if affinity else os.cpu_count()
    return f'{name}, {cores} cores'


def peak_mib(device: torch.device) -> int:
    """Peak memory in MiB: allocated on the GPU, or resident in this process on a CPU."""
    if device.type == 'cuda':
        return torch.cuda.max_memory_allocated(device) // 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (2**20 if sys.platform == 'darwin' else 2**10)
