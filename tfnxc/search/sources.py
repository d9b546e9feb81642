"""Where the pictures of a gallery come from: a folder, a CSV file, a data set of this package."""

from __future__ import annotations

import os
import pathlib
import re

from tfnxc.datasets.readers.csv_rows import csv_rows
from tfnxc.datasets.readers.folder import EXTENSIONS, existing_folder
from tfnxc.errors import InputError
from tfnxc.search.picture import Picture, parse_time

_PICTURE = re.compile(rf"[^.].*\.(?:{EXTENSIONS})", re.IGNORECASE | re.DOTALL)
_KNOWN = ("identity", "camera")


def folder_pictures(folder, layout=()):
    """The pictures in a folder and in all folders below it, by name; nothing is read yet.

    Args:
        folder: A folder with PNG, JPEG or BMP files, at any depth. What is hidden (a name with a dot first) is passed
            over.
        layout: What the names of the folders below it say, from the outside in: `"identity"` and `"camera"`, each once.
            Defaults to nothing.

    Yields:
        A `Picture` a file.

    Raises:
        InputError: If there is no such folder or no picture in it, one in it cannot be listed, or a picture lies in too
            few folders for `layout`.

    Example:
        >>> list(folder_pictures("crops", layout=("camera",)))[0]
        Picture(name='/data/crops/lift/0007.jpg', image='crops/lift/0007.jpg', identity=None, camera='lift', time=None)
    """
    folder = existing_folder(folder, "a folder with pictures")
    if len(set(layout)) != len(layout) or not set(layout) <= set(_KNOWN):
        raise InputError(f"a layout is made of {' and '.join(_KNOWN)}, each once; got {'/'.join(layout)}.")
    found = False
    for root, folders, files in os.walk(folder, onerror=_not_listed):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        parts = pathlib.Path(root).relative_to(folder).parts
        for file in sorted(filter(_PICTURE.fullmatch, files)):
            path = os.path.join(root, file)
            if len(parts) < len(layout):
                raise InputError(f"{path}: in too few folders; expected {folder}/{'/'.join(layout).upper()}/picture.")
            found = True
            yield Picture.of_file(path, **dict(zip(layout, parts, strict=False)))
    if not found:
        raise InputError(f"{folder}: no picture here; expected files called {EXTENSIONS.replace('|', ', ')}.")


def _not_listed(error):
    raise InputError(f"{error.filename}: cannot be listed ({error.strerror}).") from None


def csv_pictures(path):
    """The pictures that a CSV file lists; none of them is read yet.

    Args:
        path: A file in UTF-8 whose first line names its columns: `path`, a PNG, JPEG or BMP file, relative to the CSV
            file; and, if you like, `identity`, `camera` and `time` (ISO 8601, in UTC where it names no zone), which may
            be empty. Other columns are passed over.

    Yields:
        A `Picture` a line.

    Raises:
        InputError: If the file cannot be read or a line is not of this form; the message has its number.

    Example:
        >>> gallery.add(csv_pictures("crops.csv"))
    """
    for line, row in csv_rows(path, ("path",), (*_KNOWN, "time")):
        try:
            time = parse_time(row["time"]) if row.get("time") else None
        except InputError as error:
            raise InputError(f"{path}, line {line}: {error}") from None
        known = {name: row.get(name) or None for name in _KNOWN}
        yield Picture.of_file(pathlib.Path(path).parent / row["path"], **known, time=time)


def set_pictures(people):
    """The pictures of an `ImageSet`: of any data set of this package, drawn ones included.

    Yields:
        A `Picture` each, read or drawn when its turn comes; identities and cameras are the numbers of the set, and
        nobody's pictures are without identity.

    Raises:
        InputError: If one cannot be read.

    Example:
        >>> gallery.add(set_pictures(tfnxc.datasets.synthetic(identities=20)))
    """
    for index, name in enumerate(people.paths):
        identity = people.identities[index]
        known = {"identity": str(identity) if identity >= 0 else None, "camera": str(people.cameras[index])}
        yield Picture(name, people.read(index), **known)
