"""What the service answers where it cannot do what it was asked."""

import contextlib

from tfnxc.errors import BusyError, DamagedError, InputError
from tfnxc.web.guards import log_failure


class ProblemError(Exception):
    """An answer of an error: its status of HTTP, a line for whoever asked, headers."""

    def __init__(self, status, why, headers=None):
        super().__init__(why)
        self.status, self.why, self.headers = status, why, headers


UNREADABLE = "The index cannot be read or written; the log of the server has why."


@contextlib.contextmanager
def as_problems():
    """Turns the errors of a call to a gallery into a `ProblemError`; where the index is at fault, the log has why."""
    try:
        yield
    except BusyError:
        raise ProblemError(
            409, "Another process is writing to the index. Try again later.", {"Retry-After": "5"}
        ) from None
    except (DamagedError, OSError) as error:
        log_failure("the index", error)
        raise ProblemError(500, UNREADABLE) from None
    except InputError as error:
        raise ProblemError(422, str(error)) from None
