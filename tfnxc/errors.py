"""The error that a user's input causes, which the command line prints as one line."""


class InputError(ValueError):
    """Something given by the user (a path, a file, a name, a split) is not usable; the message says what to do."""
