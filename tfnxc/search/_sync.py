"""What is written stays written, even if the power fails."""

from __future__ import annotations

import os


def sync(what):
    """Waits until the disk has an open file, or the names in a folder."""
    if hasattr(what, "fileno"):
        what.flush()
        os.fsync(what.fileno())
        return
    folder = os.open(what, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
