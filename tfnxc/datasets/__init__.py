"""People: readers behind one record type, splits, and training pairs in `tf.data`."""

from typing import TYPE_CHECKING

from tfnxc.datasets.catalogue import (
    CATALOGUE,
    CatalogueEntry,
    Part,
    dataset_splits,
    domains_of,
    entry_of,
    missing_pictures,
    open_dataset,
)
from tfnxc.datasets.check import BrokenFile, DatasetCounts, DatasetReport, PartCount, check_dataset, count_dataset
from tfnxc.datasets.image_set import IMAGE_SIZE, ImageSet
from tfnxc.datasets.picture_file import read_picture
from tfnxc.datasets.pipelines.pair_indices import hard_negatives
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
from tfnxc.lazy import lazy_names

if TYPE_CHECKING:
    from tfnxc.datasets.pipelines.groups import GroupPipeline
    from tfnxc.datasets.pipelines.pairs import PairPipeline

__all__ = [
    "CATALOGUE",
    "IMAGE_SIZE",
    "BrokenFile",
    "CatalogueEntry",
    "DatasetCounts",
    "DatasetReport",
    "Family",
    "GroupPipeline",
    "ImageSet",
    "PairPipeline",
    "Part",
    "PartCount",
    "Split",
    "check_dataset",
    "count_dataset",
    "csv_file",
    "cuhk01",
    "cuhk03",
    "cuhk03_test_sets",
    "dataset_splits",
    "domains_of",
    "entry_of",
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

# These import TensorFlow.
_MODULES = {"GroupPipeline": f"{__name__}.pipelines.groups", "PairPipeline": f"{__name__}.pipelines.pairs"}
__getattr__, _ = lazy_names(__name__, _MODULES)


def __dir__() -> list[str]:
    return sorted(__all__)
