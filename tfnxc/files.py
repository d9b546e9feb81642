"""Writing files so that a kill or a loss of power at any moment leaves the old one or the new one, never half."""

import contextlib
import errno
import json
import os
import pathlib
import stat
import sys
import traceback
import unicodedata

from tfnxc.errors import InputError

TEMPORARY = ".tfnxc-"
"""How the names of files and folders begin that are not whole yet."""


_REFUSALS = tuple(
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS", "EACCES", "EPERM")
    if hasattr(errno, name)
)
"""What a system says that refuses to write, whatever is written."""
_UNWRITTEN = "cannot be written"


@contextlib.contextmanager
def replacing(path):
    """Gives the path of a new file beside `path`, which takes its place when the block ends without an error.

    What the system refuses is raised as by `writing`.

    Example:
        >>> with replacing("run/model.keras") as new:
        ...     model.save(new)
    """
    path = pathlib.Path(path)
    refuse_special(path)
    new = path.with_name(f"{TEMPORARY}{path.stem}.{os.getpid()}{path.suffix}")
    try:
        with writing(path, new):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield new
            sync(new)  # or the name may outlive a loss of power and the content not
            os.replace(new, path)
            with contextlib.suppress(OSError):  # some disks know no such thing of a folder, and the new file is there
                sync(path.parent)
    finally:
        with contextlib.suppress(OSError):  # what cannot be removed does not hide why it was not written
            new.unlink()


def refuse_special(path):
    """Raises `InputError` if a path is there and no file or folder: a pipe, on which one waits, or a device."""
    try:
        mode = os.stat(path).st_mode  # asked once: another process may remove the file at any moment
    except (OSError, ValueError):
        return  # whoever opens it says what is wrong
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise InputError(f"{path}: a pipe or a device; expected a file.")


@contextlib.contextmanager
def writing(path, new=None):
    """A block that writes a file or a folder: where the system refuses it, an `OSError` names that and says why.

    Libraries that write raise errors of their own, without a name or with that of another file. What is wrong with
    other files is raised as it is.

    Args:
        path: What is written.
        new: The name that it has until it is whole. Defaults to `None`: its own.

    Example:
        >>> with writing("full/scores"):
        ...     raise RuntimeError("h5py: file write failed: errno = 28, 'No space left on device'")
        Traceback (most recent call last):
        OSError: [Errno 28] cannot be written: No space left on device: 'full/scores'
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, InputError) or str(getattr(error, "strerror", "")).startswith(_UNWRITTEN):
            raise  # it is said already
        code, name = refusal(error), _named(error)
        own = name is None or any(_is_at(name, each) for each in (path, new) if each is not None)
        above = name is not None and _is_at(path, name)
        if code is None and isinstance(error, OSError) and (own or above):
            code = error.errno
        if code is None or not (own or above or code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)):
            raise
        where = name if above and not own else os.fspath(path)
        _let_go(error)
        raise OSError(code, f"{_UNWRITTEN}: {os.strerror(code)}", where) from error


def _let_go(error):
    """Drops what the calls that failed still hold: a half-written archive tries again when it goes, and complains."""
    before, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        while error is not None:
            traceback.clear_frames(error.__traceback__)
            error = error.__cause__ or error.__context__
    finally:
        sys.unraisablehook = before


def refusal(error):
    """The number by which the system refused to write, found in an error or in those that led to it, or `None`.

    Example:
        >>> refusal(ValueError("no number")), refusal(OSError(28, "No space left on device"))
        (None, 28)
    """
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in _REFUSALS:
            return error.errno
        # TensorFlow and h5py tell what the system said in a text.
        text = str(error)
        for code in _REFUSALS:
            if os.strerror(code) in text:
                return code
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return None


def _named(error):
    """The file that an error of the system names, or `None`."""
    name = getattr(error, "filename", None)
    return os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else None


def _is_at(name, path):
    """Whether a file is this one, or lies below it."""
    name, path = os.path.abspath(name), os.path.abspath(path)
    return name == path or name.startswith(os.path.join(path, ""))


def reserve(file, size):
    """Has the disk keep so many bytes for an open file, before it is mapped into memory.

    To write into the map of a file for which a disk has no room would kill the process.
    """
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # a disk that cannot
                raise


def sync(path):
    """Waits until the disk has a file, or the names in a folder; only POSIX systems can be asked that way."""
    if os.name == "posix":
        opened = os.open(path, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def is_temporary(path):
    """Whether this is what a kill inside `replacing` leaves behind."""
    return pathlib.Path(path).name.startswith(TEMPORARY)


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


def parse_json(text):
    """What a JSON text, or its bytes, says; a `ValueError` where it is none, or too deep to be read.

    Example:
        >>> parse_json('{"epoch": 3}')
        {'epoch': 3}
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("lists and objects inside each other, too deep to be read") from None
