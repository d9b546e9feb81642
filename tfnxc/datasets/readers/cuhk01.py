"""CUHK01 (campus) as a user has it on disk."""

from __future__ import annotations

import re

import numpy as np

from tfnxc.datasets.readers.folder import existing_folder, matching, pictures

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
    folder = existing_folder(folder, "the folder campus of CUHK01")
    if (folder / "campus").is_dir():
        folder = folder / "campus"
    files = "no picture of CUHK01 here; expected files named PPPPKKK.png, such as 0001001.png"
    found = matching(folder, _NAME, files)
    return pictures(
        "cuhk01",
        [path for path, _ in found],
        np.array([int(match[1]) for _, match in found]),
        np.array([0 if match[2] in ("001", "002") else 1 for _, match in found]),
    )
