"""CUHK01 (campus) as a user has it on disk."""

import os
import pathlib
import re

import numpy as np

from tfnxc.datasets.image_set import ImageSet
from tfnxc.datasets.readers.folder import existing_folder, matching, pictures

_NAME = re.compile(r"(\d{4})(00[1-4])\.png")


def cuhk01(folder: str | os.PathLike) -> ImageSet:
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
        >>> people.people.tolist(), people.cameras[:4].tolist()
        ([1, 2, 7, 8, 9], [0, 0, 1, 1])

    References:
        Li, Zhao, Wang, "Human Reidentification with Transferred Metric Learning", ACCV 2012.
    """
    path = existing_folder(folder, "the folder campus of CUHK01")
    path = path / "campus" if (path / "campus").is_dir() else path
    files = "no picture of CUHK01 here; expected files named PPPPKKK.png, such as 0001001.png"
    found, unread = matching(path, _NAME, files)
    identities = np.array([int(match[1]) for _, match in found])
    cameras = np.array([int(match[2] > "002") for _, match in found])
    return pictures("cuhk01", [path for path, _ in found], identities, cameras, unread=unread)


def missing_cuhk01(people: ImageSet) -> list[str]:
    """Names of the pictures of the official set that are not in this one."""
    there = {pathlib.PurePath(path).stem for path in people.paths}
    names = (f"{identity:04d}{shot:03d}" for identity in range(1, 972) for shot in range(1, 5))
    return [f"{name}.png" for name in names if name not in there]
