"""The structure of `cuhk-03.mat`: MATLAB 7.3, which is HDF5 with cell arrays as object references."""

import contextlib
import math
import os
import pathlib
import threading
import weakref

import h5py
import numpy as np

from tfnxc.datasets.picture_file import MOST_PIXELS
from tfnxc.errors import InputError

CAMERA_PAIRS = 5
SHOTS = 10  # cells an identity: five of camera A, then five of camera B

# What bounds the memory that a damaged file can ask for; identities are coded as 1000 * pair + number.
_MOST_IDENTITIES = 999
_MOST_TEST_SETS = 1000
_MOST_TESTED = CAMERA_PAIRS * _MOST_IDENTITIES
_FROM_H5PY = (OSError, RuntimeError, KeyError, ValueError, TypeError)  # what h5py raises where a file is broken
_AGAIN = "Copy or download the file again."


class CUHK03Mat:
    """`cuhk-03.mat`, read one cell at a time; it is opened for the first picture and stays open for the next ones.

    HDF5 has the axes of MATLAB's arrays in reverse: a cell array of identities x 10 is 10 x identities here.
    """

    def __init__(self, path):
        self._path = pathlib.Path(path)
        self._lock = threading.Lock()
        self._file = None
        self._cells = {}
        _check_format(self._path)
        self._stamp = self._stat()

    def filled_cells(self, boxes):
        """The cells of `boxes` that are not empty: camera pair, identity and picture, each from 1."""
        expected = f"{CAMERA_PAIRS} cells, one a camera pair"
        with _named(self._path), h5py.File(self._path, "r") as file:
            pairs = _references(_member(file, boxes), boxes, expected, _is_list(CAMERA_PAIRS))
            cells = [_pair(file, pair, f"{boxes}, camera pair {number}") for number, pair in enumerate(pairs.flat, 1)]
            filled = [
                (pair, number, index)
                for pair, references in enumerate(cells, start=1)
                for number, shots in enumerate(references.T, start=1)
                for index, reference in enumerate(shots, start=1)
                if not _is_empty(file, reference)
            ]
        self._cells[boxes] = cells
        return np.array(filled, int).reshape(-1, 3)

    def read(self, boxes, pair, number, index, label):
        """The picture of one of the `filled_cells`, which a message calls `label`."""
        where = f"{label}: camera pair {pair}, identity {number}, cell {index}"
        reference = self._cells[boxes][pair - 1][index - 1, number - 1]
        # Pictures are read in many threads, and HDF5 serves one at a time.
        with self._lock, _named(where):
            return _picture(_target(self._opened(), reference))

    def test_sets(self):
        """One ascending list of identities, `1000 * pair + number`, for each cell of `testsets`."""
        with _named(self._path), h5py.File(self._path, "r") as file:
            fits = _is_list(None, _MOST_TEST_SETS)
            cells = _references(_member(file, "testsets"), "testsets", "cells, one a test set", fits)
            return [_test_set(file, cell, f"testsets, cell {number}") for number, cell in enumerate(cells.flat, 1)]

    def _stat(self):
        status = os.stat(self._path)
        return status.st_size, status.st_mtime_ns

    def _opened(self):
        if self._file is None:
            # References are addresses: in another file they lead anywhere.
            if self._stat() != self._stamp:
                raise InputError("the file has changed since the data set was opened; open it again.")
            self._file = h5py.File(self._path, "r")
            weakref.finalize(self, self._file.close)
        return self._file


@contextlib.contextmanager
def _named(where):
    """Makes every error of a broken file an `InputError` that says where it is."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    except _FROM_H5PY as error:
        raise InputError(f"{where}: cannot be read ({_reason(error)}). {_AGAIN}") from None


def _reason(error):
    return getattr(error, "strerror", None) or (error.args[0] if error.args else error)


def _check_format(path):
    try:
        with open(path, "rb") as file:
            head = file.read(10)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); expected cuhk-03.mat.") from None
    if h5py.is_hdf5(path):
        return
    if head == b"MATLAB 5.0":
        raise InputError(
            f"{path}: a MATLAB 5 file; expected cuhk-03.mat as published, in the format 7.3. Take the original, or "
            'save it again in MATLAB: save("cuhk-03.mat", "labeled", "detected", "testsets", "-v7.3").'
        )
    what = "damaged: it says MATLAB 7.3 but holds no HDF5" if head == b"MATLAB 7.3" else "no MATLAB 7.3 (HDF5) file"
    raise InputError(f"{path}: {what}; expected cuhk-03.mat as published. {_AGAIN}")


def _is_list(length, most=None):
    """Whether a shape is that of a row or a column of `length` elements, or of 1 to `most`."""
    least, most = (1, most) if length is None else (length, length)
    return lambda shape: math.prod(shape) == max(shape) and least <= max(shape) <= most


def _is_table(rows, most):
    """Whether a shape is that of some rows and of 1 to `most` columns."""
    return lambda shape: len(shape) == 2 and shape[0] == rows and 1 <= shape[1] <= most


def _kind(item):
    if isinstance(item, h5py.Dataset):
        return f"an array of {item.dtype} of the shape {item.shape}"
    return "a group" if isinstance(item, h5py.Group) else f"a {type(item).__name__}"


def _member(file, name):
    """A dataset of the file by its name; links, which could lead into another file, are not followed."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        there = ", ".join(list(file)[:10]) or "nothing"
        raise InputError(f"no {name!r} in it; expected cuhk-03.mat as published. It holds: {there}.")
    return file[name]


def _target(file, reference):
    """What a reference of a cell leads to."""
    if not reference:
        raise InputError(f"the reference is null. {_AGAIN}")
    try:
        return file[reference]
    except _FROM_H5PY as error:
        raise InputError(f"the reference leads nowhere ({_reason(error)}). {_AGAIN}") from None


def _values(item):
    """What a dataset of a checked shape holds; HDF5 would follow one whose values are in another file."""
    if item.is_virtual or item.external:
        raise InputError(f"{item.name}: its values are in another file, which is not followed. {_AGAIN}")
    return item[()]


def _is_empty(file, reference):
    """Whether a cell is `[]` in MATLAB: so marked, without an element, or nothing but its dimensions, all 0."""
    with contextlib.suppress(*_FROM_H5PY):  # what is broken is not empty: reading it says what is wrong
        item = _target(file, reference)
        if not isinstance(item, h5py.Dataset):
            return False
        if not item.size or (item.ndim < 3 and item.attrs.get("MATLAB_empty", 0)):
            return True
        return item.ndim == 1 and item.dtype == np.uint64 and item.size <= 4 and not item[()].any()
    return False


def _references(item, name, expected, fits):
    """The references of a cell array, read only where its shape fits."""
    if not isinstance(item, h5py.Dataset) or h5py.check_ref_dtype(item.dtype) is not h5py.Reference:
        raise InputError(f"{name} is {_kind(item)}; expected {expected}. {_AGAIN}")
    if not item.shape or not fits(item.shape):
        raise InputError(f"{name} has cells of the shape {item.shape}; expected {expected}. {_AGAIN}")
    return _values(item)


def _pair(file, reference, name):
    """The references of one camera pair, `(10, identities)`; nobody where its cell is empty."""
    if _is_empty(file, reference):
        return np.empty((SHOTS, 0), object)
    with _named(name):
        item = _target(file, reference)
    expected = f"({SHOTS}, identities), of 1 to {_MOST_IDENTITIES} identities"
    return _references(item, name, expected, _is_table(SHOTS, _MOST_IDENTITIES))


def _picture(cell):
    """The pixels of a cell, `(height, width, 3)`; HDF5 has them as `(3, width, height)`."""
    expected = "expected a picture: uint8 of the shape (3, width, height)"
    if not isinstance(cell, h5py.Dataset) or cell.dtype != np.uint8 or cell.ndim != 3 or cell.shape[0] != 3:
        raise InputError(f"{_kind(cell)}; {expected}. {_AGAIN}")
    _, width, height = cell.shape
    if width * height > MOST_PIXELS:
        raise InputError(f"{width} x {height} is more than the {MOST_PIXELS} pixels read. {_AGAIN}")
    if not cell.id.get_storage_size():
        raise InputError(f"a picture of {width} x {height} whose pixels were never written. {_AGAIN}")
    return np.ascontiguousarray(_values(cell).transpose(2, 1, 0))


def _test_set(file, reference, name):
    expected = "(2, identities) numbers: camera pairs and identities within them"
    with _named(name):
        item = _target(file, reference)
    numeric = isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu"
    if not numeric or not _is_table(2, _MOST_TESTED)(item.shape):
        raise InputError(f"{name} is {_kind(item)}; expected {expected}. {_AGAIN}")
    pairs, numbers = _values(item).astype(float)
    valid = np.isin(pairs, np.arange(1, CAMERA_PAIRS + 1)) & np.isin(numbers, np.arange(1, _MOST_IDENTITIES + 1))
    if not valid.all():
        found = f"identity {numbers[~valid][0]:g} of camera pair {pairs[~valid][0]:g}"
        expected = f"expected whole numbers from 1, and camera pairs up to {CAMERA_PAIRS}"
        raise InputError(f"{name} names {found}; {expected}. {_AGAIN}")
    identities = (1000 * pairs + numbers).astype(int)
    if len(np.unique(identities)) != len(identities):
        raise InputError(f"{name} names an identity twice. {_AGAIN}")
    return sorted(identities.tolist())
