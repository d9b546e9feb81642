"""The errors that a user's input causes, which the command line prints as one line."""


class InputError(ValueError):
    """Something given by the user (a path, a file, a name, a split) is not usable; the message says what to do."""


class BusyError(InputError):
    """Another process holds what is needed; it may be free later."""


class DamagedError(InputError):
    """A file is not what was written."""
