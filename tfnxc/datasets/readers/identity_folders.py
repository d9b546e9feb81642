"""A user's own pictures: a folder an identity."""

import os
import re

import numpy as np

from tfnxc.datasets.image_set import ImageSet
from tfnxc.datasets.readers.folder import EXTENSIONS, NOBODY, entries, existing_folder, numbers, pictures
from tfnxc.errors import InputError

_PICTURE = re.compile(rf".+\.(?:{EXTENSIONS})", re.IGNORECASE)
_CAMERA = re.compile(r"(?<![a-z0-9])(?:(?:camera|cam)[_-]?|c)([0-9]{1,9})(?![0-9])", re.IGNORECASE)


def identity_folders(folder: str | os.PathLike) -> ImageSet:
    """Your own pictures, sorted into a folder an identity.

    Args:
        folder: A folder of `IDENTITY/picture` or `IDENTITY/CAMERA/picture`, with pictures called .png, .jpg, .jpeg or
            .bmp. Without folders of cameras, the camera of a picture is the number in a word of its name such as `c3`,
            `cam2` or `camera_1`; where no name has one, all pictures are of camera 0. Identities called `junk` and
            `distractor` are nobody's (`tfnxc.identities`).

    Returns:
        An `ImageSet` called `"folder"`, in the order of the paths. The numbers of identities are the names of their
        folders where all are numerals, such as `0007`; otherwise identities are numbered from 0 in the order of their
        names. So are cameras. No picture is read.

    Raises:
        InputError: If there is no such folder or no picture in it, an identity has pictures beside folders of cameras,
            some have folders of cameras and others not, two folders are the same number, or only some names have a
            camera.

    Example:
        >>> import shutil
        >>> _ = shutil.copytree("cuhk01/campus", "people/anna/entrance", dirs_exist_ok=True)
        >>> len(tfnxc.datasets.identity_folders("people"))
        20
    """
    folder = existing_folder(folder, "a folder of folders, one an identity")
    found = [(entry, *each) for entry in entries(folder) if entry.is_dir() for each in _pictures_of(entry)]
    if not found:
        raise InputError(
            f"{folder}: no picture here; expected IDENTITY/picture or IDENTITY/CAMERA/picture, with pictures called "
            f"{', '.join(f'.{extension}' for extension in EXTENSIONS.split('|'))}."
        )
    folders = [entry for entry, _, _ in found]
    paths = [path for _, _, path in found]
    identities = numbers([entry.name for entry in folders], folders, "identity", NOBODY)
    _check_unique(folders, identities)
    cameras = _cameras([camera for _, camera, _ in found], paths)
    return pictures("folder", map(str, paths), np.array(identities), np.array(cameras))


def _pictures_of(identity):
    """`(name of the camera's folder or None, path)` for every picture of an identity."""
    inside = entries(identity)
    loose = [path for path in inside if path.is_file() and _PICTURE.fullmatch(path.name)]
    filed = [
        (camera.name, path)
        for camera in inside
        if camera.is_dir()
        for path in entries(camera)
        if path.is_file() and _PICTURE.fullmatch(path.name)
    ]
    if loose and filed:
        raise InputError(
            f"{identity}: {loose[0].name} lies beside the folder {filed[0][0]}; expected pictures, or a folder a "
            "camera. Move it into the folder of its camera."
        )
    return filed or [(None, path) for path in loose]


def _check_unique(folders, identities):
    first = {}
    for folder, identity in zip(folders, identities, strict=True):
        other = first.setdefault(identity, folder)
        if other != folder:
            raise InputError(f"{other} and {folder.name}: the same identity twice; put them into one folder.")


def _cameras(names, paths):
    """The camera of each picture, by its folder or else by its own name."""
    if any(name is not None for name in names):
        if None in names:
            raise InputError(f"{paths[names.index(None)]}: in no folder of a camera, as others are; put it into one.")
        return numbers(names, [path.parent for path in paths], "camera")
    words = [_CAMERA.search(path.name) for path in paths]
    if not any(words):
        return [0] * len(paths)
    if None in words:
        raise InputError(
            f"{paths[words.index(None)]}: no camera in the name, such as _c2, as others have; rename it, or use a "
            "folder a camera."
        )
    return [int(word[1]) for word in words]
