"""One writer of a folder at a time: a lock that goes with the process that holds it, however that ends."""

import contextlib
import os
import pathlib
import time
import warnings
from collections.abc import Callable, Iterator

from tfnxc.errors import BusyError
from tfnxc.files import writing

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = "lock"
"""The file in the folder that is locked; it holds the number of the process."""


@contextlib.contextmanager
def alone_in(folder: str | os.PathLike, busy: Callable[[str], str], patience: float = 0.0) -> Iterator[int]:
    """Holds the lock of a folder while the block runs.

    Gives the descriptor of the locked file: a process that inherits it holds the lock too, until the last has ended.

    Where the system or the disk knows no such lock, a warning says so and the block runs without.

    Args:
        folder: The folder, which is there.
        busy: `holder -> text`: what to say where another process holds it, of whose number the holder is the text.
        patience: Seconds in which another process may give it up. Defaults to `0.0`.

    Raises:
        BusyError: If another process holds the lock, or another object of this one.
    """
    path = pathlib.Path(folder) / LOCK
    with writing(path):
        # Not through a link: the folder may be a stranger's, and this empties the file. Without a buffer, which would
        # be written again when the file is closed.
        file = open(path, "ab+", buffering=0, opener=_no_link)
    with file:
        try:
            _lock(file, patience)
        except BlockingIOError:
            file.seek(0)
            holder = file.read(20).decode("ascii", "replace").strip()
            raise BusyError(busy(holder or "another")) from None
        except OSError as error:
            warnings.warn(f"{folder}: no lock here ({error}). See that no other process writes there.", stacklevel=3)
        with writing(path):
            file.truncate(0)
            file.write(b"%d\n" % os.getpid())
        yield file.fileno()


def is_abandoned(folder: str | os.PathLike) -> bool:
    """Whether a folder has a lock that no process holds any more; `False` where that cannot be told.

    Example:
        >>> os.makedirs("locked"), is_abandoned("locked")
        (None, False)
        >>> with alone_in("locked", str):
        ...     is_abandoned("locked")
        False
        >>> is_abandoned("locked")
        True
    """
    try:
        with open(pathlib.Path(folder) / LOCK, "rb", opener=_no_link) as file:
            _lock(file, 0.0)
    except OSError:
        return False
    return True


def _lock(file, patience):
    if fcntl is None:
        raise OSError("not on this system")
    end = time.monotonic() + patience
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise
            time.sleep(0.1)


def _no_link(path, flags):
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)
