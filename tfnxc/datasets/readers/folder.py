"""What the readers of pictures in folders share."""

import os
import pathlib
import re
import unicodedata

import numpy as np

from tfnxc.datasets.image_set import ImageSet, StampedReader
from tfnxc.datasets.picture_file import read_picture
from tfnxc.errors import InputError
from tfnxc.identities import DISTRACTOR, JUNK

EXTENSIONS = "png|jpg|jpeg|jpe|jfif|bmp|webp"  # of the formats that are read, as a piece of a regular expression
_BESIDE = re.compile(
    r".*\.(?:txt|md|csv|tsv|json|xml|yaml|yml|html|log|db|ini|py|mat|npy|npz)", re.IGNORECASE | re.DOTALL
)
NOBODY = {"junk": JUNK, "distractor": DISTRACTOR}  # how a user's folder or file says that a picture is nobody's


def existing_folder(folder, expected):
    """`folder` as a path, where it is one; `expected` says what it should be."""
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        what = "a file, not a folder" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {what}; expected {expected}.")
    return folder


def inside(folder, parts, holder, expected):
    """The folder that holds all of the folders `parts`: `folder`, or its sub-folder `holder`."""
    folder = existing_folder(folder, expected)
    found = max(folder, folder / holder, key=lambda candidate: sum((candidate / part).is_dir() for part in parts))
    missing = [part for part in parts if not (found / part).is_dir()]
    if missing:
        raise InputError(f"{found}: no folder {' and no folder '.join(missing)} here; expected {expected}.")
    return found


def entries(folder):
    """The paths in a folder, by name; what is hidden (a name that begins with a dot) is passed over."""
    try:
        found = [entry for entry in pathlib.Path(folder).iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed ({error.strerror or error}).") from None
    return sorted(found, key=lambda entry: entry.name)


def may_be_picture(name):
    """Whether nothing says that a file is no picture: it is neither hidden nor of a kind that lies beside pictures."""
    return not name.startswith(".") and not _BESIDE.fullmatch(name)


def unread_in(folder, read):
    """The files in a folder, at any depth and by name, that may be pictures and are not among the paths `read`."""
    read, found = set(map(os.fspath, read)), []
    for above, folders, files in os.walk(folder, onerror=not_listed):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        paths = (os.path.join(above, file) for file in sorted(filter(may_be_picture, files)))
        found += [path for path in paths if path not in read]
    return found


def not_listed(error):
    """What `os.walk` is to do with a folder that cannot be listed."""
    raise InputError(f"{error.filename}: cannot be listed ({error.strerror}).") from None


def matching(folder, pattern, expected):
    """`(found, unread)` of a folder: `(path, match)` of the files whose whole name matches, by name; and the others.

    `expected` is for the message where none matches.
    """
    found = [(str(entry), match) for entry in entries(folder) if (match := pattern.fullmatch(entry.name))]
    if not found:
        raise InputError(f"{folder}: {expected}.")
    return found, unread_in(folder, [path for path, _ in found])


def matching_parts(folder, parts, pattern, expected):
    """`(paths, matches, part, unread)` of several sub-folders; `part` is the position of each file's folder."""
    found, unread = zip(*(matching(folder / part, pattern, expected) for part in parts), strict=True)
    paths, matches = zip(*(each for part in found for each in part), strict=True)
    of = np.repeat(np.arange(len(parts)), [len(part) for part in found])
    return list(paths), list(matches), of, [file for part in unread for file in part]


def pictures(name, paths, identities, cameras, probes=None, labels=None, **known):
    """An `ImageSet` of picture files; `labels` are its paths where they are not those of the files."""
    paths = list(paths)
    shown = paths if labels is None else labels
    reader = StampedReader(lambda index: read_picture(paths[index]), lambda index: file_stamp(paths[index]))
    return ImageSet(name, shown, identities, cameras, reader, probes, **known)


def file_stamp(path):
    """A file with its size and when it was changed; raises `InputError` where it is gone."""
    try:
        known = os.stat(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', error)}).") from None
    return f"{os.path.abspath(path)} {known.st_size} {known.st_mtime_ns}"


def unseen(people, identities):
    """`(identity, camera)` of those identities of whom there is no picture by one of the cameras 0 and 1."""
    there = set(zip(people.identities.tolist(), people.cameras.tolist(), strict=True))
    return [(each, camera) for each in identities for camera in (0, 1) if (each, camera) not in there]


_WHOLE = re.compile(r"[+-]?[0-9]+(?:\.0*)?")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?inf(?:inity)?", re.IGNORECASE)
_AMBIGUOUS = re.compile(r"[0-9]+[eE][0-9]+")  # a number, or a name as hashes are
MISSING = re.compile(
    r"[+-]?nan|none|null|nat|n[./]?a\.?|<na>|[-‐–—?.*/_~#]+|-?1\.#(?:ind|inf|qnan)|#n/a|#[a-z0-9/]+[!?]", re.IGNORECASE
)
"""What tables hold where they hold nothing, or an error."""
_LARGEST = np.iinfo(np.int64).max


def label(name: str) -> str:
    """A name as it is compared with others: a whole number without zeros around it, a text in one Unicode form."""
    name = unicodedata.normalize("NFC", name)
    if not _WHOLE.fullmatch(name):
        return name
    digits = name.partition(".")[0].lstrip("+-").lstrip("0") or "0"
    return f"-{digits}" if name.startswith("-") and digits != "0" else digits


def numbers(names, places, what, nobody=()):
    """`(a number for each name, the name of each number)`; `nobody` as in `NOBODY`, `places` are for messages.

    The number is what a name says where all are whole numbers, else its place in order. Names that `label` takes for
    one are one.
    """
    words = f" or one of the words {' and '.join(nobody)}" if nobody else ""
    only_numbers = all(_NUMBER.fullmatch(name) or name.lower() in nobody for name in names)
    for name, place in zip(names, places, strict=True):
        if MISSING.fullmatch(name):
            raise InputError(
                f"{place}: the {what} {name}, which stands for a missing value; expected a number of 0 or above or a "
                f"name{',' + words if words else ''}. Where it is a name, write it otherwise."
            )
        if label(name).startswith("-") and _WHOLE.fullmatch(name):
            raise InputError(
                f"{place}: the {what} {name}; expected a number of 0 or above or a name{',' + words if words else ''}."
            )
        ambiguous = _AMBIGUOUS.fullmatch(name) and not only_numbers
        if _NUMBER.fullmatch(name) and not _WHOLE.fullmatch(name) and not ambiguous:
            raise InputError(f"{place}: the {what} {name}; expected a whole number, with all of its digits, or a name.")
    labels = [label(name) for name in names]
    shown = dict(zip(reversed(labels), reversed(names), strict=True))  # as it is written first
    number = {each: NOBODY[each.lower()] for each in shown if each.lower() in nobody}
    others = sorted(shown.keys() - number.keys(), key=lambda each: unicodedata.normalize("NFC", shown[each]))
    numerals = all(re.fullmatch(r"[0-9]+", each) for each in others)
    for name, place in zip(names, places, strict=True) if numerals else ():
        if label(name) not in number and not _has_64_bits(label(name)):
            raise InputError(
                f"{place}: the {what} {name[:80]}, a number of more than 64 bits; expected at most {_LARGEST}, or "
                "names that are no numbers."
            )
    number |= {each: int(each) if numerals else place for place, each in enumerate(others)}
    return [number[each] for each in labels], {number[each]: shown[each] for each in others}


def _has_64_bits(digits):
    return len(digits) < len(str(_LARGEST)) or (len(digits) == len(str(_LARGEST)) and int(digits) <= _LARGEST)
