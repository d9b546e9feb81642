"""Writing so that a kill or a loss of power at any moment leaves the old file or folder or the new one, never half."""

import contextlib
import json
import os
import pathlib
import shutil
import tempfile
import time
import unicodedata

from tfnxc.errors import InputError
from tfnxc.locks import held

_TEMPORARY = ".tfnxc-"
_FOLDER = ".folder"
_YOUNG = 60  # seconds for which a folder without a lock may be one that is about to be locked


@contextlib.contextmanager
def replacing(path):
    """Gives the path of a new file beside `path`, which takes its place when the block ends without an error.

    Example:
        >>> with replacing("run/model.keras") as new:
        ...     model.save(new)
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{_TEMPORARY}{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield new
        _sync(new)  # or the name may outlive a loss of power and the content not
        os.replace(new, path)
        with contextlib.suppress(OSError):  # some disks know no such thing of a folder, and the new file is there
            _sync(path.parent)
    finally:
        new.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path):
    """Gives a new folder beside `path`, which becomes `path` when the block ends without an error.

    What killed processes left of such folders beside `path` is removed.

    Raises:
        InputError: If `path` is there, also if somebody else makes it meanwhile.

    Example:
        >>> with new_folder("copies/1") as new:
        ...     (new / "saved_model.pb").touch()
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f"{_TEMPORARY}*{_FOLDER}"):
        with contextlib.suppress(FileNotFoundError):  # another process removes it
            if time.time() - left.stat().st_mtime > _YOUNG:
                with held(left) as nobody_else:
                    if nobody_else:
                        shutil.rmtree(left, ignore_errors=True)
    scratch = pathlib.Path(tempfile.mkdtemp(_FOLDER, _TEMPORARY, path.parent))
    try:
        with held(scratch):
            new = scratch / path.name
            new.mkdir()
            yield new
            for each in [*new.rglob("*"), new]:
                _sync(each)
            try:
                os.rename(new, path)
            except OSError:
                if not path.exists():
                    raise
                raise InputError(f"{path} was made by somebody else meanwhile.") from None
            with contextlib.suppress(OSError):
                _sync(path.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _sync(path):
    """Waits until the disk has a file, or the names in a folder; only POSIX systems can be asked that way."""
    if os.name == "posix":
        opened = os.open(path, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def is_temporary(path):
    """Whether this is what a kill inside `replacing` leaves behind."""
    return pathlib.Path(path).name.startswith(_TEMPORARY)


def existing_form(path: str) -> str:
    """The path, in the other Unicode form where only that is there: some systems have a form of their own."""
    forms = (path, *(unicodedata.normalize(form, path) for form in ("NFC", "NFD")))
    return next(filter(os.path.exists, forms), path)


def refuse_other_than_utf8(path):
    """Raises an error if the name of a folder is not UTF-8: TensorFlow's own writers take no other."""
    if os.fsencode(path).decode("utf-8", "ignore").encode() != os.fsencode(path):
        raise InputError(f"{path}: not UTF-8, and TensorFlow writes there only. Choose a folder with another name.")


def write_text(path, text):
    """Writes a text file in UTF-8, whole or not at all."""
    with replacing(path) as new:
        new.write_text(text, encoding="utf-8")


def write_json(path, data):
    """Writes `data` as a JSON file, whole or not at all."""
    write_text(path, json.dumps(data, indent=1) + "\n")
