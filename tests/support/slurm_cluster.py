"""A real Slurm of one node, from Debian's packages, in a folder of its own."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

NEEDED = ('slurmctld', 'slurmd', 'munged', 'sbatch', 'srun', 'squeue', 'scontrol')

# The node claims more processors than the machine has, so that a cap can be seen to hold.
CONFIG = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=2
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 State=UNKNOWN
PartitionName=short Nodes=ALL Default=YES MaxTime=60 State=UP
"""


def missing() -> str:
    """What a cluster lacks here; '' for nothing."""
    path = f'{os.environ["PATH"]}:/usr/sbin:/sbin'
    lacking = [name for name in NEEDED if shutil.which(name, path=path) is None]
    if lacking:
        return f'no {", ".join(lacking)}: apt-get install slurmctld slurmd slurm-client munge'
    return '' if os.geteuid() == 0 else 'the Slurm daemons need root'


class SlurmCluster:
    """Starts munge, controller and node daemon, and ends them.

    Args:
        folder (Path): For keys, sockets, state and logs; its path must be short (a socket's).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = f'{os.environ["PATH"]}:/usr/sbin:/sbin'
        self.env = {**os.environ, 'SLURM_CONF': f'{folder}/slurm.conf', 'PATH': path}
        self._daemons: list[subprocess.Popen] = []
        self._left: list[subprocess.Popen] = []

    def __enter__(self) -> 'SlurmCluster':
        folder = self.folder
        for name in ('state', 'spool'):
            (folder / name).mkdir(parents=True)
        folder.chmod(0o755)
        key = folder / 'munge.key'
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        fields = dict(host=socket.gethostname().partition('.')[0], user='root', folder=folder)
        (folder / 'slurm.conf').write_text(CONFIG.format(**fields, ports=free_ports(2)))
        try:
            munge = [
                f'--{name}={folder}/munge.{end}'
                for name, end in dict(
                    [('key-file', 'key'), ('socket', 'sock'), ('pid-file', 'pid')]
                    + [('log-file', 'log'), ('seed-file', 'seed')]
                ).items()
            ]
            self._start('munged', '--foreground', '--force', *munge)
            self._wait(lambda: (folder / 'munge.sock').exists(), 'munged')
            self._start('slurmctld', '-D')
            self._start('slurmd', '-D')
            self._wait(lambda: 'idle' in self.ask('sinfo', '--noheader', '--format=%T'), 'Slurm')
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        if len(self._daemons) == 3:
            self.ask('scancel', '--me')
            for _ in range(40):  # the jobs' processes are the node daemon's to end
                if not self.ask('squeue', '--noheader'):
                    break
                time.sleep(0.5)
        for daemon in [*self._left, *reversed(self._daemons)]:
            daemon.terminate()
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def ask(self, *command: str) -> str:
        """What one of Slurm's commands prints, '' when it fails."""
        result = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=60)
        return result.stdout.strip()

    def leave(self, *command: str) -> None:
        """Start one of Slurm's commands and do not wait for it."""
        self._left.append(subprocess.Popen(command, env=self.env))

    def jobs(self) -> dict[str, str]:
        """Id to state of the jobs that wait or run."""
        lines = self.ask('squeue', '--noheader', '--array', '--format=%i %T').splitlines()
        return dict(line.split() for line in lines)

    def _start(self, name: str, *args: str) -> None:
        log = open(self.folder / f'{name}.out', 'w')
        with log:
            self._daemons.append(
                subprocess.Popen([name, *args], env=self.env, stdout=log, stderr=log)
            )

    def _wait(self, ready, what: str) -> None:
        for _ in range(60):
            if ready():
                return
            time.sleep(0.5)
        logs = '\n'.join(path.read_text()[-2000:] for path in self.folder.glob('*.out'))
        raise RuntimeError(f'{what} did not start in 30 s:\n{logs}')


def free_ports(number: int) -> list[int]:
    """Ports that nothing listens on."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for item in sockets:
            item.bind(('127.0.0.1', 0))
        return [item.getsockname()[1] for item in sockets]
    finally:
        for item in sockets:
            item.close()
