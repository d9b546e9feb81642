"""A user's own pictures: a folder an identity."""

import os
import pathlib
import re

import numpy as np

from tfnxc.datasets.image_set import ImageSet
from tfnxc.datasets.readers.folder import (
    EXTENSIONS,
    NOBODY,
    entries,
    existing_folder,
    may_be_picture,
    numbers,
    pictures,
    unread_in,
)
from tfnxc.errors import InputError

_PICTURE = re.compile(rf".+\.(?:{EXTENSIONS})", re.IGNORECASE | re.DOTALL)
# A word of its own: a c inside of a hash is no camera, and the words of a UUID are none.
_CAMERA = re.compile(
    # The second is that of MARS, 0001C1T0001F001: person, camera, tracklet, frame.
    r"(?<![^\W_])(?:(?:(?:camera|cam)[\s_-]?|c)(?P<word>[0-9]{1,9})(?:s[0-9]+)?"
    r"|[0-9]+c(?P<mars>[0-9]{1,9})t[0-9]+f[0-9]+)(?![^\W_])",
    re.IGNORECASE,
)
# What may be meant as a camera where none is read, such as camA or 0001C1.
_HINT = re.compile(r"(?<![^\W\d_])(?:camera|cam)[a-z]?(?![^\W\d_])|(?<![^\W_])[0-9]+c[0-9]", re.IGNORECASE)
_HASH = re.compile(r"(?<![^\W_])[0-9a-f]{12,}(?![^\W_])")
_UUID = re.compile(r"[0-9a-f]{8}([_-])[0-9a-f]{4}(?:\1[0-9a-f]{4}){2}\1[0-9a-f]{12}", re.IGNORECASE)
_MOST_CAMERAS, _FEW_PICTURES = 99, 10  # a higher number, or one for every other of more pictures, looks accidental


def identity_folders(folder: str | os.PathLike) -> ImageSet:
    """Your own pictures, sorted into a folder an identity.

    Args:
        folder: A folder of `IDENTITY/picture` or `IDENTITY/CAMERA/picture`, with pictures called .png, .jpg, .jpeg,
            .jpe, .jfif, .bmp or .webp. Without folders of cameras, the camera of a picture is the number in a word of
            its name such as `c3`, `c3s1`, `cam2`, `camera_1` or, as in MARS, `0001C3T0001F001`; where no name has one,
            all pictures are of camera 0.
            Identities called `junk` and `distractor` are nobody's (`tfnxc.identities`).

    Returns:
        An `ImageSet` called `"folder"`, in the order of the paths. The numbers of identities are the names of their
        folders where all are numerals, such as `0007`; otherwise identities are numbered from 0 in the order of their
        names, which `names` keeps. So are cameras. `unread` has all other files that may be pictures, and `remarks`
        says so where numbers in names look like no cameras, a camera may be meant where none is read, or a folder has
        no picture. No picture is read.

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
    paths = [path for _, _, path in found]
    unread = _unread(folder, paths)
    if not found:
        called = ", ".join(f".{extension}" for extension in EXTENSIONS.split("|"))
        expected = f"IDENTITY/picture or IDENTITY/CAMERA/picture, with pictures called {called}"
        others = f" {len(unread)} other files are here, such as {unread[0]}." if unread else ""
        raise InputError(f"{folder}: no picture here; expected {expected}.{others}")
    folders = [entry for entry, _, _ in found]
    identities, names = numbers([entry.name for entry in folders], folders, "identity", NOBODY)
    first: dict[int, pathlib.Path] = {}
    for entry, identity in zip(folders, identities, strict=True):
        if first.setdefault(identity, entry) != entry:
            raise InputError(f"{first[identity]} and {entry.name}: the same identity twice; put them into one folder.")
    cameras, remarks = _cameras([camera for _, camera, _ in found], paths)
    known = {"names": names, "unread": unread, "remarks": (*remarks, *_without_pictures(folder, folders, unread))}
    return pictures("folder", map(str, paths), np.array(identities), np.array(cameras), **known)


def _unread(folder, paths):
    """All files that may be pictures and are not read: beside the folders of identities, or in one."""
    loose = [str(entry) for entry in entries(folder) if not entry.is_dir() and may_be_picture(entry.name)]
    # An identity may be a link to a folder, into which a walk from above would not go.
    return loose + [file for entry in entries(folder) if entry.is_dir() for file in unread_in(entry, paths)]


def _without_pictures(folder, folders, unread):
    """A remark where folders have no picture at all, not even one that is not read."""
    known = {*folders, *(folder / pathlib.Path(file).relative_to(folder).parts[0] for file in unread)}
    empty = [entry.name for entry in entries(folder) if entry.is_dir() and entry not in known]
    if not empty:
        return ()
    few = ", ".join(empty[:5]) + (", ..." if len(empty) > 5 else "")
    count = f"{len(empty)} folders have" if len(empty) > 1 else "1 folder has"
    return (f"{count} no picture, and the set nobody of that name: {few}.",)


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
    """`(the camera of each picture, remarks)`, by its folder or else by its own name."""
    if any(name is not None for name in names):
        if None in names:
            raise InputError(f"{paths[names.index(None)]}: in no folder of a camera, as others are; put it into one.")
        return numbers(names, [path.parent for path in paths], "camera")[0], ()
    words = [_CAMERA.search(_UUID.sub("", path.name)) for path in paths]
    if not any(words):
        return [0] * len(paths), _unsaid(paths)
    if None in words:
        missing = "no camera in the name, such as _c2, as others have"
        example = next(f"{word[0]} in {path.name}" for word, path in zip(words, paths, strict=True) if word)
        raise InputError(f"{paths[words.index(None)]}: {missing} ({example}); rename it, or use a folder a camera.")
    cameras = [int(word["word"] or word["mars"]) for word in words]
    return cameras, _accidental(cameras, words, paths)


def _unsaid(paths):
    """A remark where no camera is read, though a name seems to have one."""
    hints = [path.name for path in paths if _HINT.search(_HASH.sub("", _UUID.sub("", path.name)))]
    if not hints:
        return ()
    return (
        f"No camera was read off the names of the pictures, so that all are of camera 0, although names such as "
        f"{hints[0]} may have one. Call them like _c1 or cam1, or use a folder a camera.",
    )


def _accidental(cameras, words, paths):
    """A remark where numbers in names look like no cameras."""
    count, highest = len(set(cameras)), max(cameras)
    if highest <= _MOST_CAMERAS and (len(cameras) < _FEW_PICTURES or 2 * count <= len(cameras)):
        return ()
    at = cameras.index(highest)
    return (
        f"The names of the pictures give {count} cameras to {len(cameras)} pictures, such as {words[at][0]} in "
        f"{paths[at].name}, which looks accidental. If these are no cameras, rename the files, or use a folder a "
        "camera.",
    )
