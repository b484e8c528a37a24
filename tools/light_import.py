"""To import first: the package's modules are then found without running its ``__init__``.

That would import torch and fill mmseg's registries, 4 s and 900 MB, which a tool that only reads
tables does not need. Where the package is imported already nothing changes.
"""

import importlib.util
import sys

for _name in ('mmseg_plugins', 'mmseg_plugins.datasets'):
    if _name not in sys.modules:
        sys.modules[_name] = importlib.util.module_from_spec(importlib.util.find_spec(_name))
