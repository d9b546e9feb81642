"""CUHK01 (campus) as a user has it on disk."""

from __future__ import annotations

import pathlib
import re

import numpy as np

from tfnxc.datasets.image_set import ImageSet
from tfnxc.datasets.picture_file import read_picture
from tfnxc.errors import InputError

OFFICIAL_COUNTS = 3884, 971
"""Pictures and identities (SPEC section 5)."""

_NAME = re.compile(r"(\d{4})(00[1-4])\.png")


def cuhk01(folder):
    """The CUHK01 data set: 971 identities, two pictures each from camera A and from camera B.

    Args:
        folder: The folder `campus` with the files `PPPPKKK.png` (identity; 001 and 002 camera A, 003 and 004 camera B),
            or the folder that holds it.

    Returns:
        An `ImageSet` called `"cuhk01"`, in the order of the file names, with cameras 0 (A) and 1 (B). No picture is
        read.

    Raises:
        InputError: If the folder does not exist or holds no such file.

    Example:
        >>> people = tfnxc.datasets.cuhk01("cuhk01/campus")
        >>> len(people)
        3884

    References:
        Li, Zhao, Wang, "Human Reidentification with Transferred Metric Learning", ACCV 2012.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected the folder campus of CUHK01.")
    if (folder / "campus").is_dir():
        folder = folder / "campus"
    names = sorted(entry.name for entry in folder.iterdir() if _NAME.fullmatch(entry.name))
    if not names:
        raise InputError(f"{folder}: no picture of CUHK01 here; expected files named PPPPKKK.png, such as 0001001.png.")
    matches = [_NAME.fullmatch(name) for name in names]
    paths = [str(folder / name) for name in names]
    return ImageSet(
        name="cuhk01",
        paths=paths,
        identities=np.array([int(match[1]) for match in matches]),
        cameras=np.array([0 if match[2] in ("001", "002") else 1 for match in matches]),
        read=lambda index: read_picture(paths[index]),
    )
