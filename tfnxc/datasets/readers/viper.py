"""VIPeR as a user has it on disk."""

import os
import re

import numpy as np

from tfnxc.datasets.image_set import ImageSet
from tfnxc.datasets.readers.folder import EXTENSIONS, inside, matching_parts, pictures, unseen

_NAME = re.compile(rf"([0-9]+)_[0-9]+\.(?:{EXTENSIONS})", re.IGNORECASE)
_SIDES = ("cam_a", "cam_b")


def viper(folder: str | os.PathLike) -> ImageSet:
    """The VIPeR data set: 632 people, one picture each from camera A and from camera B.

    Args:
        folder: The folder with `cam_a` and `cam_b`, whose files are called `IDENTITY_ANGLE.bmp`, such as `000_45.bmp`;
            or the folder that holds it under the name `VIPeR`.

    Returns:
        An `ImageSet` called `"viper"`: camera 0 (A), then camera 1 (B), each in the order of the file names. No
        picture is read.

    Raises:
        InputError: If the folders do not exist or hold no such file.

    References:
        Gray, Brennan, Tao, "Evaluating Appearance Models for Recognition, Reacquisition, and Tracking", PETS 2007.
    """
    folder = inside(folder, _SIDES, "VIPeR", "the folder of VIPeR, with the folders cam_a and cam_b")
    files = "no picture of VIPeR here; expected files named IDENTITY_ANGLE.bmp, such as 000_45.bmp"
    paths, matches, cameras, unread = matching_parts(folder, _SIDES, _NAME, files)
    return pictures("viper", paths, np.array([int(match[1]) for match in matches]), cameras, unread=unread)


def missing_viper(people: ImageSet) -> list[str]:
    """The other picture of identities that are seen by one camera only."""
    return [f"{_SIDES[camera]}/{each:03d}_*" for each, camera in unseen(people, people.people.tolist())]
