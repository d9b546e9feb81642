"""QMUL GRID as a user has it on disk."""

import os
import re

import numpy as np

from tfnxc.datasets.image_set import ImageSet
from tfnxc.datasets.readers.folder import EXTENSIONS, inside, matching_parts, pictures, unseen
from tfnxc.errors import InputError
from tfnxc.identities import DISTRACTOR

_NAME = re.compile(rf"([0-9]{{4}})_[0-9]+_.+\.(?:{EXTENSIONS})", re.IGNORECASE)
_LAST_IDENTITY = 250
_SIDES = ("probe", "gallery")


def grid(folder: str | os.PathLike) -> ImageSet:
    """The QMUL GRID data set: 250 people seen in an underground station by two cameras, and 775 distractors.

    Args:
        folder: The folder `underground_reid` with the folders `probe` and `gallery` of files such as
            `0001_1_25004_107_32_106_221.jpeg`, or the folder that holds it.

    Returns:
        An `ImageSet` called `"grid"`: the probes with camera 0 (A), then the gallery with camera 1 (B), each in the
        order of the file names. The number 0000 of the gallery, and numbers above 250, which the published lists give
        to the same pictures, are `tfnxc.identities.DISTRACTOR`. No picture is read.

    Raises:
        InputError: If the folders do not exist or hold no such file, or a probe is a distractor.

    References:
        Loy, Liu, Gong, "Person Re-Identification by Manifold Ranking", ICIP 2013.
    """
    expected = "the folder underground_reid of QMUL GRID, with the folders probe and gallery"
    folder = inside(folder, _SIDES, "underground_reid", expected)
    files = "no picture of QMUL GRID here; expected files such as 0001_1_25004_107_32_106_221.jpeg"
    paths, matches, cameras, unread = matching_parts(folder, _SIDES, _NAME, files)
    numbers = np.array([int(match[1]) for match in matches])
    nobody = (numbers < 1) | (numbers > _LAST_IDENTITY)
    for index in np.flatnonzero(nobody & (cameras == 0)):
        raise InputError(f"{paths[index]}: a distractor among the probes; expected identities 0001 to 0250 here.")
    return pictures("grid", paths, np.where(nobody, DISTRACTOR, numbers), cameras, unread=unread)


def missing_grid(people: ImageSet) -> list[str]:
    """What the official set has and this one lacks: identities on either side."""
    return [f"{_SIDES[camera]}/{each:04d}_*" for each, camera in unseen(people, range(1, _LAST_IDENTITY + 1))]
