"""Which pictures of an index a name, a file or a folder means."""

import os
import unicodedata
from collections.abc import Iterable
from typing import Any

from tfnxc.errors import InputError
from tfnxc.search.picture import brief


def meant_by(given: Any, rows: Iterable[str], folder: os.PathLike) -> set[str]:
    """The names among `rows` that names, files and folders mean, of an index in `folder`; none may mean nothing."""
    given = [given] if isinstance(given, str | os.PathLike) else given
    several = list(given) if isinstance(given, Iterable) else [given]
    for each in several:
        if not isinstance(each, str | os.PathLike):
            raise InputError(f"expected names, files or folders to delete; got {brief(each)}.")
    return {name for each in several for name in _meant(os.fsdecode(each), rows, folder)}


def _meant(given, rows, folder):
    if given in rows:
        return [given]
    _refuse_unintended(given)
    path = os.path.abspath(given)
    below = os.path.join(path, "")
    names = [path] if path in rows else [name for name in rows if name.startswith(below)]
    if not names:  # in the other Unicode form
        given, path, below = (unicodedata.normalize("NFC", each) for each in (given, path, below))
        forms = {name: unicodedata.normalize("NFC", name) for name in rows}
        names = [name for name, form in forms.items() if form in (given, path) or form.startswith(below)]
    if not names:
        raise InputError(f"{given}: {folder} has no such picture and none below; nothing was deleted.")
    return names


def _refuse_unintended(given):
    """Raises an error where a name holds the working directory without naming it: an unset variable makes such names.

    Those are an empty one, ".", "..", "crops/.." and "/".
    """
    written = given.replace("\0", "").strip()  # some versions of Python end a path at a zero
    path = os.path.abspath(written)
    root = os.path.dirname(path) == path
    around = not os.path.isabs(written) and os.path.join(os.getcwd(), "").startswith(os.path.join(path, ""))
    if "\0" in given or root or around:
        remedy = "Give the name of a picture, or the full path of a folder"
        raise InputError(f"{brief(given)} is no name to delete by: it could mean all below {path}. {remedy}.")
