"""One writer of a folder at a time: a lock that goes with the process that holds it, however that ends."""

import contextlib
import os
import pathlib
import time
import warnings
from collections.abc import Callable, Iterator

from tfnxc.errors import InputError

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
        InputError: If another process holds the lock, or another object of this one.
    """
    # Not through a link: the folder may be a stranger's, and this empties the file.
    with open(pathlib.Path(folder) / LOCK, "a+", encoding="ascii", errors="replace", opener=_no_link) as file:
        try:
            _lock(file, patience)
        except BlockingIOError:
            file.seek(0)
            raise InputError(busy(file.read(20).strip() or "another")) from None
        except OSError as error:
            warnings.warn(f"{folder}: no lock here ({error}). See that no other process writes there.", stacklevel=3)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield file.fileno()


@contextlib.contextmanager
def held(folder: str | os.PathLike) -> Iterator[bool]:
    """Holds a folder itself while the block runs, and gives whether it could: another process may, or no lock is known.

    Nothing is written for it, so that a folder can be held that is renamed meanwhile.
    """
    if fcntl is None:
        yield False
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(opened)


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
