"""Lists of pictures to add to a gallery: of a folder, a CSV file, a data set."""

import os
import pathlib
import re
from collections.abc import Callable, Iterator, Sequence

from tfnxc.datasets import ImageSet
from tfnxc.datasets.readers.csv_file import csv_rows, listed_once
from tfnxc.datasets.readers.folder import EXTENSIONS, MISSING, existing_folder, label, may_be_picture, not_listed
from tfnxc.errors import InputError
from tfnxc.search.picture import Picture
from tfnxc.search.times import parse_time

_PICTURE = re.compile(rf"[^.].*\.(?:{EXTENSIONS})", re.IGNORECASE | re.DOTALL)
_KNOWN = ("identity", "camera")


def list_pictures(
    path: str | os.PathLike, layout: Sequence[str] = (), unread: Callable[[str], object] | None = None
) -> list[Picture]:
    """The pictures of a folder or a CSV file, at least one, all at once: a mistake is found before any is added.

    Args:
        path: A folder, for `folder_pictures`; or a CSV file, for `csv_pictures`.
        layout: As in `folder_pictures`. Defaults to nothing.
        unread: As in `folder_pictures`. Defaults to `None`.

    Raises:
        InputError: As from these two; if the CSV file lists no picture; or if there is a `layout` and no folder.

    Example:
        >>> len(list_pictures("crops", layout=("camera",)))
        24
    """
    if pathlib.Path(path).is_dir():
        return list(folder_pictures(path, layout, unread))
    if layout:
        raise InputError(f"{path}: not a folder, to which alone a layout applies. A CSV file has columns of its own.")
    found = list(csv_pictures(path))
    if not found:
        raise InputError(f"{path}: no picture in it; expected a line a picture after the header.")
    return found


def folder_pictures(
    folder: str | os.PathLike, layout: Sequence[str] = (), unread: Callable[[str], object] | None = None
) -> Iterator[Picture]:
    """The pictures in a folder and in all folders below it, by name; nothing is read yet.

    Args:
        folder: A folder with PNG, JPEG, BMP or WebP files, at any depth. What is hidden (a name with a dot first) is
            passed over.
        layout: What the names of the folders below it say, from the outside in: `"identity"` and `"camera"`, each once,
            also as one text, `"camera/identity"`. Defaults to nothing.
        unread: Called with the path of each file that may be a picture and has another extension. Defaults to `None`.

    Raises:
        InputError: If there is no such folder or no picture in it, one in it cannot be listed, or a picture lies in too
            few folders for `layout`.

    Example:
        >>> next(folder_pictures("crops", layout=("camera",)))
        Picture(name='...0000_00.png', image='crops/a/0000_00.png', identity=None, camera='a', time=None)
    """
    above = existing_folder(folder, "a folder with pictures")
    layout = layout.split("/") if isinstance(layout, str) else layout
    if len(set(layout)) != len(layout) or not set(layout) <= set(_KNOWN):
        raise InputError(f"a layout is made of {' and '.join(_KNOWN)}, each once; got {'/'.join(layout)}.")
    found = False
    for root, folders, files in os.walk(above, onerror=not_listed):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        parts = pathlib.Path(root).relative_to(above).parts
        for file in sorted(filter(may_be_picture, files)):
            if unread is not None and not _PICTURE.fullmatch(file):
                unread(os.path.join(root, file))
        for file in sorted(filter(_PICTURE.fullmatch, files)):
            path = os.path.join(root, file)
            if len(parts) < len(layout):
                raise InputError(f"{path}: in too few folders; expected {folder}/{'/'.join(layout).upper()}/picture.")
            found = True
            yield Picture.of_file(path, **dict(zip(layout, parts, strict=False)))
    if not found:
        raise InputError(f"{folder}: no picture here; expected files called {EXTENSIONS.replace('|', ', ')}.")


def csv_pictures(path: str | os.PathLike) -> Iterator[Picture]:
    """The pictures that a CSV file lists, one a line; none of them is read yet.

    Args:
        path: A file in UTF-8 whose first line names its columns: `path`, a PNG, JPEG, BMP or WebP file, relative to
            the CSV file; and, if you like, `identity`, `camera` and `time` (ISO 8601, in UTC where it names no zone),
            which may be empty. Labels that are one whole number are one: `01` and `1.0` are `1`. Other columns are
            passed over.

    Raises:
        InputError: If the file cannot be read, a line is not of this form, or a picture is listed twice; the message
            has the number of the line.

    Example:
        >>> _ = pathlib.Path("crops.csv").write_text("path,camera,time\\nprobe.png,door,1970-01-02\\n")
        >>> next(csv_pictures("crops.csv"))
        Picture(name='...probe.png', image='probe.png', identity=None, camera='door', time=86400.0)
    """
    lines: dict[str, int] = {}
    for line, row in csv_rows(path, ("path",), (*_KNOWN, "time")):
        file = listed_once(path, line, row["path"], lines)
        try:
            time = parse_time(row["time"]) if row.get("time") else None
        except InputError as error:
            raise InputError(f"{path}, line {line}: {error}") from None
        known = {name: label(row[name]) if row.get(name) else None for name in _KNOWN}
        for name, value in known.items():
            if value is not None and MISSING.fullmatch(value):
                raise InputError(
                    f"{path}, line {line}: the {name} {value}, which stands for a missing value; leave it empty where "
                    "it is not known, or write a name otherwise."
                )
        yield Picture.of_file(file, **known, time=time)


def set_pictures(people: ImageSet) -> Iterator[Picture]:
    """The pictures of an `ImageSet`, each read or rendered when its turn comes; an `InputError` names a broken one.

    Identities and cameras are the numbers of the set; nobody's pictures are without identity.

    Example:
        >>> sum(1 for picture in set_pictures(people) if picture.camera == "0")
        12
    """
    for index, name in enumerate(people.paths):
        identity = people.identities[index]
        known = str(identity) if identity >= 0 else None
        yield Picture(name, people.read(index), known, str(people.cameras[index]))
