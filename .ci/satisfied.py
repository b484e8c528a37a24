"""Exit 0 if this Python's environment has what setup.cfg asks for, the package itself included.

Lets `make VENV=...` use an environment as it is, instead of changing it.
"""

import configparser
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

try:
    from packaging.requirements import Requirement
except ImportError:
    sys.exit(1)

config = configparser.ConfigParser()
config.read(Path(__file__).parents[1] / 'setup.cfg')
wanted = [
    config['metadata']['name'],
    *config['options']['install_requires'].split('\n'),
    *config['options.extras_require']['dev'].split('\n'),
]
for requirement in (Requirement(line) for line in wanted if line and not line.startswith('#')):
    try:
        if version(requirement.name) not in requirement.specifier:
            sys.exit(1)
    except PackageNotFoundError:
        sys.exit(1)
