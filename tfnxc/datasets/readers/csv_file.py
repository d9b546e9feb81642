"""A user's own pictures: a CSV file that lists them."""

import os
import pathlib

import numpy as np

from tfnxc.datasets.image_set import ImageSet
from tfnxc.datasets.readers.csv_rows import csv_rows
from tfnxc.datasets.readers.folder import NOBODY, numbers, pictures
from tfnxc.errors import InputError

_COLUMNS = ("path", "identity", "camera")
_ROLES = ("probe", "gallery", "")


def csv_file(path: str | os.PathLike) -> ImageSet:
    """Your own pictures, listed in a CSV file.

    Args:
        path: A file in UTF-8 whose first line names its columns: `path` (a PNG, JPEG or BMP file, relative to the CSV
            file), `identity` and `camera`; and, if you like, `role`: `probe`, `gallery` or nothing, for pictures that
            are always the one or the other. The order of the columns is free, and others are passed over. Identities
            called `junk` and `distractor` are nobody's (`tfnxc.identities`).

    Returns:
        An `ImageSet` called `"csv"`, in the order of the lines. Identities keep their numbers where all are numerals,
        such as `0007`; otherwise they are numbered from 0 in the order of their names. So are cameras. `probes` is
        there where a line has a role. No picture is read.

    Raises:
        InputError: If the file cannot be read, a column is missing, a line is not of this form (the message has its
            number), a picture is listed twice, or files are missing.

    Example:
        >>> lines = ["path,identity,camera", "campus/0001001.png,anna,hall", "campus/0001003.png,anna,yard"]
        >>> _ = pathlib.Path("cuhk01/people.csv").write_text("\\n".join(lines))
        >>> people = tfnxc.datasets.csv_file("cuhk01/people.csv")
        >>> people.identities.tolist(), people.cameras.tolist()
        ([0, 0], [0, 1])
    """
    path = pathlib.Path(path)
    rows = list(csv_rows(path, _COLUMNS, ("role",)))
    if not rows:
        raise InputError(f"{path}: no picture in it; expected a line a picture after the header.")
    paths = _paths(path, rows)
    places = [f"{path}, line {line}" for line, _ in rows]
    identities, cameras = (
        np.array(numbers([row[column] for _, row in rows], places, column, nobody))
        for column, nobody in (("identity", NOBODY), ("camera", ()))
    )
    return pictures("csv", paths, identities, cameras, _probes(path, rows, identities))


def _paths(path, rows):
    """The file of each picture, all of which exist and are listed once."""
    lines, paths, missing = {}, [], []
    for line, row in rows:
        picture = os.path.normpath(path.parent / row["path"])
        if picture in lines:
            raise InputError(f"{path}, line {line}: {row['path']} is listed in line {lines[picture]} already.")
        lines[picture] = line
        paths.append(picture)
        if not os.path.isfile(picture):
            missing.append(f"{row['path']} (line {line})")
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise InputError(
            f"{path}: {len(missing)} of {len(rows)} files are missing: {shown}. Paths are relative to {path.parent}."
        )
    return paths


def _probes(path, rows, identities):
    roles = [row.get("role", "").lower() for _, row in rows]
    for (line, _), role, identity in zip(rows, roles, identities, strict=True):
        if role not in _ROLES:
            raise InputError(f"{path}, line {line}: the role {role!r}; expected probe, gallery or nothing.")
        if role == "probe" and identity < 0:
            raise InputError(f"{path}, line {line}: junk and distractors are in no probe; make it gallery.")
    return np.array([role == "probe" for role in roles]) if any(roles) else None
