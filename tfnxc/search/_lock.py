"""One writer of an index at a time."""

from __future__ import annotations

from tfnxc.locks import alone_in


def writing(folder):
    """A block that holds the lock of an index.

    Raises:
        InputError: If another process, or another object of this one, is writing to it.
    """
    return alone_in(
        folder,
        lambda holder: (
            f"{folder}: process {holder} is writing to this index, and one can at a time. Wait until it is "
            "done; searching goes on meanwhile."
        ),
    )
