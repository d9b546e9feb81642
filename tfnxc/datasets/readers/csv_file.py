"""A user's own pictures: a CSV file that lists them."""

import csv
import os
import pathlib

import numpy as np

from tfnxc.datasets.image_set import ImageSet
from tfnxc.datasets.readers.folder import NOBODY, numbers, pictures
from tfnxc.errors import InputError
from tfnxc.files import existing_form


def csv_rows(path, needed, known):
    """Yields `(number, {column: text})` of each line of a CSV file that is not empty, texts without blanks around them.

    The first line names the columns. Those `needed` say something in every line, those `known` may; each is there once.
    """
    reader = None
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip().lower() for name in next(reader, [])]
            _check_header(path, header, needed, known)
            for fields in filter(None, reader):
                yield reader.line_num, _row(f"{path}, line {reader.line_num}", fields, header, needed)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); expected a CSV file.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not in UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8.") from None
    except (csv.Error, ValueError) as error:
        if reader is None:  # the name itself, with a zero or what no file system takes
            raise InputError(f"{path}: cannot be read ({error}); expected a CSV file.") from None
        raise InputError(f"{path}, line {reader.line_num}: not CSV ({error}).") from None


def _check_header(path, header, needed, known):
    missing = [column for column in needed if column not in header]
    if missing:
        expected = f"expected a first line that names the columns, such as {','.join(needed)}"
        got = ",".join(header) or "nothing"
        raise InputError(f"{path}: no column {' and no column '.join(missing)}; {expected}; got {got}.")
    twice = [column for column in (*needed, *known) if header.count(column) > 1]
    if twice:
        raise InputError(f"{path}: two columns are called {twice[0]}; rename one of them.")


def _row(place, fields, header, needed):
    if len(fields) != len(header):
        expected = f"expected {len(header)}, as the header has. Put quotation marks around a text with a comma"
        raise InputError(f"{place}: {len(fields)} fields; {expected}.")
    row = dict(zip(header, map(str.strip, fields), strict=True))
    for column in needed:
        if not row[column]:
            raise InputError(f"{place}: no {column}; expected one in every line.")
    return row


def csv_file(path: str | os.PathLike) -> ImageSet:
    """Your own pictures, listed in a CSV file.

    Args:
        path: A file in UTF-8 whose first line names its columns: `path` (a PNG, JPEG, BMP or WebP file, relative to
            the CSV file), `identity` and `camera`; and, if you like, `role`: `probe`, `gallery` or nothing, for
            pictures that are always the one or the other. The order of the columns is free, and others are passed over.
            Identities called `junk` and `distractor` are nobody's (`tfnxc.identities`).

    Returns:
        An `ImageSet` called `"csv"`, in the order of the lines. Identities keep their numbers where all are whole
        numbers, such as `0007` or `7.0`; otherwise they are numbered from 0 in the order of their names, which `names`
        keeps. So are cameras. `probes` is there where a line has a role. No picture is read.

    Raises:
        InputError: If the file cannot be read, a column is missing, a line is not of this form (the message has its
            number), a picture is listed twice, or files are missing.

    Example:
        >>> _ = pathlib.Path("cuhk01/people.csv").write_text("path,identity,camera\\ncampus/0001001.png,anna,hall")
        >>> tfnxc.datasets.csv_file("cuhk01/people.csv").identities.tolist()
        [0]
    """
    path = pathlib.Path(path)
    rows = list(csv_rows(path, ("path", "identity", "camera"), ("role",)))
    if not rows:
        raise InputError(f"{path}: no picture in it; expected a line a picture after the header.")
    paths = _paths(path, rows)
    places = [f"{path}, line {line}" for line, _ in rows]
    (identities, names), (cameras, _) = (
        numbers([row[column] for _, row in rows], places, column, nobody)
        for column, nobody in (("identity", NOBODY), ("camera", ()))
    )
    probes = _probes(path, rows, identities)
    return pictures("csv", paths, np.array(identities), np.array(cameras), probes, names=names)


def _paths(path, rows):
    """The file of each picture, all of which exist and are listed once."""
    lines, paths, missing = {}, [], []
    for line, row in rows:
        picture = listed_once(path, line, row["path"], lines)
        paths.append(picture)
        if not os.path.isfile(picture):
            missing.append(f"{row['path']} (line {line})")
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        lack = f"{len(missing)} of {len(rows)} files are missing: {shown}"
        raise InputError(f"{path}: {lack}. Paths are relative to {path.parent}.")
    return paths


def listed_once(path, line, listed, lines):
    """The file that a line of a CSV file names, relative to that; `lines` has the line of each, and takes this one up.

    Raises `InputError` where an earlier line has it.
    """
    picture = existing_form(os.path.normpath(pathlib.Path(path).parent / listed))
    if picture in lines:
        raise InputError(f"{path}, line {line}: {listed} is listed in line {lines[picture]} already.")
    lines[picture] = line
    return picture


def _probes(path, rows, identities):
    roles = [row.get("role", "").lower() for _, row in rows]
    for (line, _), role, identity in zip(rows, roles, identities, strict=True):
        if role not in ("probe", "gallery", ""):
            raise InputError(f"{path}, line {line}: the role {role!r}; expected probe, gallery or nothing.")
        if role == "probe" and identity < 0:
            raise InputError(f"{path}, line {line}: junk and distractors are in no probe; make it gallery.")
    return np.array([role == "probe" for role in roles]) if any(roles) else None
