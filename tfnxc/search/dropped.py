"""The folder of what is dropped on a page: private, bounded, and gone with the process or at the next start."""

import contextlib
import os
import pathlib
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

from tfnxc.locks import alone_in, is_abandoned
from tfnxc.web import Refusal, refuse

MOST_KEPT = 512 * 2**20
"""Bytes of all pictures in the folder, those that are coming in included."""

_PREFIX = "tfnxc-page-"


@contextlib.contextmanager
def private_folder() -> Iterator[pathlib.Path]:
    """A new folder that nobody else can read and that is removed at the end; so are those that a kill left behind."""
    _remove_abandoned()
    # Named and seen by others only once it is locked.
    unnamed = pathlib.Path(tempfile.mkdtemp(prefix="tfnxc-new-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, unnamed, ignore_errors=True)
        stack.enter_context(alone_in(unnamed, lambda holder: f"{unnamed}: in use by process {holder}."))
        folder = unnamed.with_name(unnamed.name.replace("tfnxc-new-", _PREFIX))
        unnamed.rename(folder)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


def _remove_abandoned():
    for folder in pathlib.Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            status = folder.lstat()
            if stat.S_ISDIR(status.st_mode) and is_abandoned(folder) and status.st_uid == os.getuid():
                shutil.rmtree(folder)


class DroppedPictures:
    """A bounded folder of pictures, each in a folder of its own: the oldest make room for new ones.

    Args:
        folder: The folder, made if need be.
        most: Bytes of all files in it. Defaults to 512 MiB.
    """

    def __init__(self, folder: str | os.PathLike, most: int = MOST_KEPT):
        self.folder, self._most = pathlib.Path(folder), most
        self.folder.mkdir(parents=True, exist_ok=True)
        self._coming, self._lock = 0, threading.Lock()

    def make_room(self, count: int = 0) -> bool:
        """Removes the oldest pictures until `count` more bytes have room; gives whether they have."""
        with self._lock:
            left = self._most - self._coming - count
            kept = []
            for path in self.folder.glob("*/*"):
                with contextlib.suppress(FileNotFoundError):
                    status = path.stat()
                    kept.append((status.st_mtime, status.st_size, path))
            total = sum(size for _, size, _ in kept)
            for _, size, path in sorted(kept):
                if total <= left:
                    break
                path.unlink(missing_ok=True)
                total -= size
            return left >= 0

    def guarding(self, application: Any, uploads: str, most_bytes: int) -> Any:
        """An ASGI application before which room is made for each request to a path that ends with `uploads`.

        Each is counted with `most_bytes` until it is answered; one for which there is no room is answered with 503.
        """

        async def guarded(scope, receive, send):
            if scope["type"] != "http" or not scope["path"].endswith(uploads):
                await application(scope, receive, send)
            elif not self.make_room(most_bytes):
                why = "Too many pictures are being dropped. Try again in a minute."
                await refuse(send, Refusal(503, why, ((b"retry-after", b"60"),)))
            else:
                self._coming += most_bytes
                try:
                    await application(scope, receive, send)
                finally:
                    self._coming -= most_bytes

        return guarded
