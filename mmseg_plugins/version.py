"""The package's version and the stack it is tested on."""

from importlib.metadata import PackageNotFoundError, version

from packaging.version import Version

__version__ = '0.1.0'

# distribution: (lowest, first not tested). They are imported as mmengine, mmcv, mmseg.
STACK = {
    'onedl-mmengine': ('0.10.12', '0.11'),
    'onedl-mmcv': ('2.3.6', '2.4'),
    'onedl-mmsegmentation': ('1.4.2', '1.5'),
}


def check_stack(stack: dict = STACK) -> None:
    """Check that the maintained ``onedl-*`` packages are the ones installed.

    Args:
        stack (dict): Distribution name to (lowest version, first version not tested).

    Raises:
        ImportError: If a distribution is missing or its version is outside the tested range.
    """
    for name, (low, high) in stack.items():
        fix = f'run `pip install "{name}>={low},<{high}"`'
        try:
            found = version(name)
        except PackageNotFoundError:
            raise ImportError(
                f'mmseg_plugins needs {name}, which is not installed; the upstream package of the '
                f'same import name will not do: {fix}'
            ) from None
        if not Version(low) <= Version(found) < Version(high):
            raise ImportError(
                f'mmseg_plugins is tested with {name}>={low},<{high}, found {found}: {fix}'
            )
