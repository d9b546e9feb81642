"""Writing folders so that a kill or a loss of power at any moment leaves all of one or nothing."""

import contextlib
import os
import pathlib
import shutil
import tempfile

from tfnxc.errors import InputError
from tfnxc.files import TEMPORARY, sync, writing
from tfnxc.locks import alone_in, is_abandoned

_KIND = ".folder"


@contextlib.contextmanager
def new_folder(path):
    """Gives a new folder beside `path`, which becomes `path` when the block ends without an error.

    What killed processes left of such folders beside `path` is removed. What the system refuses is raised as by
    `tfnxc.files.writing`.

    Raises:
        InputError: If somebody else makes `path` meanwhile.

    Example:
        >>> with new_folder("copies/1") as new:
        ...     (new / "saved_model.pb").touch()
    """
    path = pathlib.Path(path)
    with writing(path), contextlib.ExitStack() as stack:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f"{TEMPORARY}*{_KIND}"):
            if is_abandoned(left):
                shutil.rmtree(left, ignore_errors=True)
        around = pathlib.Path(tempfile.mkdtemp(_KIND, TEMPORARY, path.parent))
        stack.callback(shutil.rmtree, around, ignore_errors=True)
        stack.enter_context(alone_in(around, lambda holder: f"{around}: process {holder} writes there."))
        new = around / path.name
        new.mkdir()
        yield new
        for each in [*new.rglob("*"), new]:
            sync(each)
        try:
            os.rename(new, path)
        except OSError:
            if not path.exists():
                raise
            raise InputError(f"{path} was made by somebody else meanwhile.") from None
        with contextlib.suppress(OSError):  # some disks know no such thing of a folder, and the new one is there
            sync(path.parent)
