from mmseg_plugins.errors import UserError


class BrokenScanError(UserError):
    """One scan or its labels cannot be used: what ``skip_broken`` of a data set passes over."""
