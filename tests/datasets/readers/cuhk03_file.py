"""A small `cuhk-03.mat`, written as MATLAB 7.3 writes cell arrays: references to datasets of `#refs#`."""

import h5py
import numpy as np

NUMBERS = (3, 2, 1, 1, 1)
"""Identities of each camera pair."""
EMPTY = {(1, 2, 4), (1, 2, 5), (2, 1, 10)}
"""Empty cells: camera pair, identity, index."""
TEST_SETS = [[(1, 3), (1, 1), (4, 1)], [(2, 2), (5, 1)]]


def picture(pair, number, index):
    """What is in a cell: pictures of many sizes, no two alike."""
    rng = np.random.default_rng([pair, number, index])
    return rng.integers(0, 256, (12 + index, 5 + number, 3), np.uint8)


def write_mat(path, boxes=("labeled", "detected")):
    with h5py.File(path, "w", userblock_size=512) as file:
        everything = file.create_group("#refs#")
        for name in boxes:
            pairs = [_pair(everything, pair, count) for pair, count in enumerate(NUMBERS, start=1)]
            _cell(file, name, np.array([pairs], h5py.ref_dtype))
        sets = [add(everything, np.array(each, float).T, "double").ref for each in TEST_SETS]
        _cell(file, "testsets", np.array([sets], h5py.ref_dtype))
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 .".ljust(124) + b"\x00\x02IM")
    return path


def add(group, values, matlab_class, name=None):
    """A dataset with MATLAB's mark of its class."""
    dataset = group.create_dataset(str(len(group)) if name is None else name, data=values)
    dataset.attrs["MATLAB_class"] = np.bytes_(matlab_class)
    return dataset


def put(file, boxes, pair, number, index, reference):
    """Makes a cell refer to something else."""
    file[file[boxes][0, pair - 1]][index - 1, number - 1] = reference


def _cell(group, name, references):
    dataset = group.create_dataset(name, data=references, dtype=h5py.ref_dtype)
    dataset.attrs["MATLAB_class"] = np.bytes_("cell")
    return dataset


def _pair(everything, pair, count):
    references = np.empty((10, count), h5py.ref_dtype)
    for number in range(1, count + 1):
        for index in range(1, 11):
            if (pair, number, index) in EMPTY:
                dataset = add(everything, np.zeros(2, np.uint64), "double")
                dataset.attrs["MATLAB_empty"] = np.uint8(1)
            else:
                dataset = add(everything, picture(pair, number, index).transpose(2, 1, 0), "uint8")
            references[index - 1, number - 1] = dataset.ref
    return _cell(everything, str(len(everything)), references).ref
