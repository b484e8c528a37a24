from mmseg_plugins.errors import UserError


class BrokenScanError(UserError):
    """The contents of a scan or of its labels are unfit: ``bad_files='skip'`` passes over it."""
