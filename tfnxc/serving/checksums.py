"""The checksums of an export, by which a copy is compared with what was written."""

import os
import pathlib

from tfnxc.errors import InputError
from tfnxc.files import refuse_special, write_text
from tfnxc.hashes import sha256_of

CHECKSUMS = "SHA256SUMS"
"""The file in an export that holds the SHA-256 of all others, as `sha256sum --check` reads it."""

_LONGEST = 1 << 20  # bytes of that file, which may be a stranger's: about ten thousand lines


def write_checksums(folder: str | os.PathLike) -> None:
    """Writes `SHA256SUMS` into an export: a line for each file in it, but for itself."""
    lines = [f"{sha256_of(path)}  {name}\n" for name, path in _files(pathlib.Path(folder)).items()]
    write_text(pathlib.Path(folder) / CHECKSUMS, "".join(lines))


def verify_export(folder: str | os.PathLike) -> int:
    """Compares the files of an export with its checksums, and gives how many there are.

    It tells damage, not forgery: whoever can change a file can change `SHA256SUMS` too. Compare that with one that came
    another way.

    Args:
        folder: A version of an export, e.g. `"savedmodels/campus/1"`.

    Returns:
        How many files are as they were written.

    Raises:
        InputError: If a file has changed, is missing, is not listed, or is a link; or if there are no checksums.

    Example:
        >>> path = tfnxc.serving.export_model(model, "savedmodels/verified")
        >>> verify_export(path) > 3
        True
    """
    folder = pathlib.Path(folder)
    listed, found = _listed(folder), _files(folder)
    states = {
        "missing": sorted(set(listed) - set(found)),
        "not listed": sorted(set(found) - set(listed)),
        "changed": [name for name, path in found.items() if name in listed and sha256_of(path) != listed[name]],
    }
    wrong = [
        f"{names[0]} {state}{f' and {len(names) - 1} others' * (len(names) > 1)}"
        for state, names in states.items()
        if names
    ]
    if wrong:
        raise InputError(f"{folder}: not what was exported: {'; '.join(wrong)}. Copy it anew, or export again.")
    return len(found)


def _files(folder):
    """The files in an export by their names in it, with `/`, sorted; without the checksums."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise InputError(f"{path}: a link; an export has files only. Copy it anew, or export again.")
        refuse_special(path)
        if not path.is_dir() and name != CHECKSUMS:
            found[name] = path
    return found


def _listed(folder):
    """SHA-256 by the name of the file, as the checksums have them."""
    path = folder / CHECKSUMS
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(_LONGEST)
    except FileNotFoundError:
        expected = "expected a version of an export, such as savedmodels/campus/1, written by this tfnxc or a later one"
        raise InputError(f"{folder}: no {CHECKSUMS} here; {expected}.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}).") from None
    lines = [line.partition("  ") for line in text.splitlines()]
    return {name: digest for digest, _, name in lines}
