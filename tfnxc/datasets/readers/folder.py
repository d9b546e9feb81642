"""What the readers of pictures in folders share."""

import pathlib
import re

import numpy as np

from tfnxc.datasets.image_set import ImageSet
from tfnxc.datasets.picture_file import read_picture
from tfnxc.errors import InputError
from tfnxc.identities import DISTRACTOR, JUNK

EXTENSIONS = "png|jpg|jpeg|bmp"  # of the picture formats that are read, as a piece of a regular expression
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


def matching(folder, pattern, expected):
    """`(path, match)` of the files of a folder whose whole name matches, by name; `expected` is for the message."""
    found = [(str(entry), match) for entry in entries(folder) if (match := pattern.fullmatch(entry.name))]
    if not found:
        raise InputError(f"{folder}: {expected}.")
    return found


def matching_parts(folder, parts, pattern, expected):
    """`(paths, matches, part)` of the files in several sub-folders; `part` is the position of each file's folder."""
    found = [matching(folder / part, pattern, expected) for part in parts]
    paths, matches = zip(*(each for part in found for each in part), strict=True)
    return list(paths), list(matches), np.repeat(np.arange(len(parts)), [len(part) for part in found])


def pictures(name, paths, identities, cameras, probes=None, labels=None):
    """An `ImageSet` of picture files; `labels` are its paths where they are not those of the files."""
    paths = list(paths)
    shown = paths if labels is None else labels
    return ImageSet(name, shown, identities, cameras, lambda index: read_picture(paths[index]), probes)


def unseen(people, identities):
    """`(identity, camera)` of those identities of whom there is no picture by one of the cameras 0 and 1."""
    there = set(zip(people.identities.tolist(), people.cameras.tolist(), strict=True))
    return [(each, camera) for each in identities for camera in (0, 1) if (each, camera) not in there]


def numbers(names, places, what, nobody=()):
    """A number for each name: what it says where all are numerals, else its place in order; `nobody` as in `NOBODY`."""
    for name, place in zip(names, places, strict=True):
        if re.fullmatch(r"-[0-9]+", name):
            others = f", or one of the words {' and '.join(nobody)}" if nobody else ""
            raise InputError(f"{place}: the {what} {name}; expected a number of 0 or above or a name{others}.")
    number = {name: NOBODY[name.lower()] for name in names if name.lower() in nobody}
    others = sorted(set(names) - set(number))
    numerals = all(re.fullmatch(r"[0-9]{1,15}", name) for name in others)
    number |= {name: int(name) if numerals else place for place, name in enumerate(others)}
    return [number[name] for name in names]
