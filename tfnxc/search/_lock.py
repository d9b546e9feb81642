"""One writer at a time: a lock that goes with the process that holds it, however that ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib

from tfnxc.errors import InputError

LOCK = "lock"


@contextlib.contextmanager
def writing(folder):
    """Holds the lock of an index while the block runs.

    Raises:
        InputError: If another process, or another object of this one, is writing to it.
    """
    # Not through a link: an index may be a stranger's, and this empties the file.
    with open(pathlib.Path(folder) / LOCK, "a+", encoding="ascii", errors="replace", opener=_no_link) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read(20).strip() or "another"
            raise InputError(
                f"{folder}: process {holder} is writing to this index, and one can at a time. Wait until it is done; "
                "searching goes on meanwhile."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _no_link(path, flags):
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)
