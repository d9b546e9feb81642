"""Writing files so that a kill or a loss of power at any moment leaves the old one or the new one, never half."""

import contextlib
import json
import os
import pathlib
import unicodedata

from tfnxc.errors import InputError

_TEMPORARY = ".tfnxc-"


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
