"""CUHK03 as a user has it on disk: `cuhk-03.mat`, or pictures extracted from it."""

import os
import pathlib
import re

import numpy as np

from tfnxc.datasets.image_set import ImageSet, StampedReader
from tfnxc.datasets.readers.folder import EXTENSIONS, file_stamp, matching, pictures
from tfnxc.errors import InputError

BOXES = ("labeled", "detected")  # who drew the boxes: people, or a pedestrian detector
_MAT = ("cuhk-03.mat", "cuhk03_release/cuhk-03.mat")
_LISTED = "{}_{:03d}_{}_{:02d}".format  # the names in the lists of the 767/700 protocol
_NAME = re.compile(rf"0*([1-5])_0*([1-9][0-9]{{0,2}})_0*([12])_0*([1-9]|10)\.(?:{EXTENSIONS})", re.IGNORECASE)


def cuhk03(path: str | os.PathLike, boxes: str = "labeled") -> ImageSet:
    """The CUHK03 data set: 1,467 people seen by five pairs of cameras, up to five pictures a camera.

    Args:
        path: `cuhk-03.mat` as published (MATLAB 7.3); a folder of pictures extracted from it, called
            `PAIR_IDENTITY_CAMERA_INDEX.png` (or jpg, jpeg, bmp; with any zero-padding), such as `1_266_2_06.png`; or a
            folder that holds the file, or such a folder called `images_labeled`, `images_detected`, `labeled` or
            `detected`.
        boxes: `"labeled"` (drawn by people) or `"detected"`. Defaults to `"labeled"`.

    Returns:
        An `ImageSet` called `"cuhk03-labeled"` or `"cuhk03-detected"`, ordered by pair, identity and index. The
        identity is `1000 * pair + number`: 1266 is number 266 of pair 1. Indices 1 to 5 are camera 0 (A), 6 to 10 are
        camera 1 (B), and each pair's are cameras of its own; empty cells of the file are passed over. The path of a
        picture in the file is such as `cuhk-03.mat/labeled/1_266_2_06`. No picture is read, and never more than one at
        a time is in memory: a cell that is broken raises an `InputError` when it is read.

    Raises:
        InputError: If there is no such file or folder, it holds no picture, the pictures are said to be of the other
            boxes, one is there twice, or the file is not of the structure published; the message says what is wrong.

    References:
        Li, Zhao, Xiao, Wang, "DeepReID: Deep Filter Pairing Neural Network for Person Re-Identification", CVPR 2014.
    """
    if boxes not in BOXES:
        raise InputError(f"CUHK03 has the boxes {' and '.join(BOXES)}; got {boxes!r}.")
    path = pathlib.Path(path)
    if not path.is_dir():
        return _from_mat(path, boxes)
    for name in (f"images_{boxes}", boxes):
        if (path / name).is_dir():
            return _from_pictures(path / name, boxes)
    mat = _mat_inside(path)
    return _from_pictures(path, boxes) if mat is None else _from_mat(mat, boxes)


def cuhk03_camera_pair(identities: np.ndarray) -> np.ndarray:
    """The camera pair, 1 to 5, of identities as `cuhk03` codes them; each pair stood at a place of its own."""
    return np.asarray(identities) // 1000


def cuhk03_test_sets(path: str | os.PathLike) -> list[list[int]]:
    """The test sets that `cuhk-03.mat` itself holds: 20 of 100 identities in the published file.

    Args:
        path: `cuhk-03.mat`, or the folder that holds it.

    Returns:
        A list with one ascending list of identities a test set, coded as `cuhk03` codes them.

    Raises:
        InputError: If there is no such file, or its `testsets` is not of the structure published.
    """
    mat = _mat_inside(pathlib.Path(path)) if os.path.isdir(path) else path
    if mat is None:
        raise InputError(f"{path}: no cuhk-03.mat here, which alone holds the test sets.")
    return _open_mat(mat).test_sets()


def _open_mat(path):
    from tfnxc.datasets.readers._cuhk03_mat import CUHK03Mat  # here: no other reader waits for HDF5

    return CUHK03Mat(path)


def _mat_inside(folder):
    return next((folder / name for name in _MAT if (folder / name).is_file()), None)


def _from_mat(path, boxes):
    mat = _open_mat(path)
    cells = mat.filled_cells(boxes)
    if not len(cells):
        raise InputError(f"{path}: all cells of {boxes!r} are empty; expected pictures. Copy the file again.")
    pair, number, index = cells.T
    camera = (index > 5).astype(int)
    names = map(_LISTED, pair.tolist(), number.tolist(), (camera + 1).tolist(), index.tolist())
    paths = [f"{path}/{boxes}/{name}" for name in names]

    def read(at):
        return mat.read(boxes, *cells[at].tolist(), label=paths[at])

    reader = StampedReader(read, lambda at: f"{file_stamp(path)} {paths[at]}")
    return ImageSet(f"cuhk03-{boxes}", paths, 1000 * pair + number, camera, reader)


def _from_pictures(folder, boxes):
    (other,) = set(BOXES) - {boxes}
    if other in folder.name and boxes not in folder.name:
        raise InputError(f"{folder}: by its name these are {other} boxes, not {boxes}. Open them as cuhk03-{other}.")
    expected = f"expected cuhk-03.mat, the folder images_{boxes}, or files such as 1_266_2_06.png"
    files: dict[tuple[int, ...], str] = {}
    found, unread = matching(folder, _NAME, f"no picture of CUHK03 here; {expected}")
    for path, match in found:
        key = tuple(map(int, match.groups()))
        if key in files:
            raise InputError(f"{folder}: {files[key]} and {path} are the same picture of CUHK03; delete one of them.")
        files[key] = path
    keys = sorted(files)
    pair, number, camera, _ = np.array(keys).T
    # Files of another zero-padding are listed under the name that published lists know them by.
    labels = [str(folder / f"{_LISTED(*key)}{pathlib.Path(files[key]).suffix}") for key in keys]
    paths, known = [files[key] for key in keys], {"labels": labels, "unread": unread}
    return pictures(f"cuhk03-{boxes}", paths, 1000 * pair + number, camera - 1, **known)
