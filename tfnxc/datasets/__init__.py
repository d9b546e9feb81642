"""People: readers behind one record type, splits, and training pairs in `tf.data`."""

import importlib

from tfnxc.datasets.catalogue import (
    CATALOGUE,
    Part,
    Source,
    dataset_splits,
    domains_of,
    missing_pictures,
    open_dataset,
)
from tfnxc.datasets.image_set import IMAGE_SIZE, ImageSet
from tfnxc.datasets.picture_file import read_picture
from tfnxc.datasets.pipelines.hard_negatives import hard_negatives
from tfnxc.datasets.prepared.prepare import prepare
from tfnxc.datasets.prepared.reader import prepared, prepared_dataset
from tfnxc.datasets.readers.csv_file import csv_file
from tfnxc.datasets.readers.cuhk01 import cuhk01
from tfnxc.datasets.readers.cuhk03 import cuhk03, cuhk03_test_sets
from tfnxc.datasets.readers.grid import grid
from tfnxc.datasets.readers.identity_folders import identity_folders
from tfnxc.datasets.readers.market1501 import market1501, market1501_split
from tfnxc.datasets.readers.viper import viper
from tfnxc.datasets.splits import Family, Split, families, get_split, get_splits, load_split, seeded_split
from tfnxc.datasets.synthetic.people import synthetic

__all__ = [
    "CATALOGUE",
    "IMAGE_SIZE",
    "Family",
    "GroupPipeline",
    "ImageSet",
    "PairPipeline",
    "Part",
    "Source",
    "Split",
    "csv_file",
    "cuhk01",
    "cuhk03",
    "cuhk03_test_sets",
    "dataset_splits",
    "domains_of",
    "families",
    "get_split",
    "get_splits",
    "grid",
    "hard_negatives",
    "identity_folders",
    "load_split",
    "market1501",
    "market1501_split",
    "missing_pictures",
    "open_dataset",
    "prepare",
    "prepared",
    "prepared_dataset",
    "read_picture",
    "seeded_split",
    "synthetic",
    "viper",
]

# What imports TensorFlow is imported when it is first used, so that readers and `tfnxc --help` do not wait for it. No
# name here may be the name of its own module: once imported, the module would stand in its place.
_MODULES = {"GroupPipeline": "pipelines.groups", "PairPipeline": "pipelines.pairs"}


def __getattr__(name):
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return sorted(__all__)
