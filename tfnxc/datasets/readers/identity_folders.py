"""A user's own pictures: a folder an identity."""

import os
import pathlib
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
        >>> len(tfnxc.datasets.identity_folders("cuhk01"))  # one identity, campus
        20
    """
    folder = existing_folder(folder, "a folder of folders, one an identity")
    found = [(entry, *each) for entry in entries(folder) if entry.is_dir() for each in _pictures_of(entry)]
    if not found:
        called = ", ".join(f".{extension}" for extension in EXTENSIONS.split("|"))
        expected = f"IDENTITY/picture or IDENTITY/CAMERA/picture, with pictures called {called}"
        raise InputError(f"{folder}: no picture here; expected {expected}.")
    folders = [entry for entry, _, _ in found]
    paths = [path for _, _, path in found]
    identities = numbers([entry.name for entry in folders], folders, "identity", NOBODY)
    first: dict[int, pathlib.Path] = {}
    for entry, identity in zip(folders, identities, strict=True):
        if first.setdefault(identity, entry) != entry:
            raise InputError(f"{first[identity]} and {entry.name}: the same identity twice; put them into one folder.")
    cameras = _cameras([camera for _, camera, _ in found], paths)
    return pictures("folder", map(str, paths), np.array(identities), np.array(cameras))


def _pictures_of(identity):
    """`(name of the camera's folder or None, path)` for every picture of an identity."""
    loose = [(None, path) for path in _pictures_in(identity)]
    filed = [(camera.name, path) for camera in entries(identity) if camera.is_dir() for path in _pictures_in(camera)]
    if loose and filed:
        what = f"{loose[0][1].name} lies beside the folder {filed[0][0]}; expected pictures, or a folder a camera"
        raise InputError(f"{identity}: {what}. Move it into the folder of its camera.")
    return filed or loose


def _pictures_in(folder):
    return [path for path in entries(folder) if path.is_file() and _PICTURE.fullmatch(path.name)]


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
        missing = "no camera in the name, such as _c2, as others have; rename it, or use a folder a camera"
        raise InputError(f"{paths[words.index(None)]}: {missing}.")
    return [int(word[1]) for word in words]
