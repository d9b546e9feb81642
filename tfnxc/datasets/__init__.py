"""People: readers behind one record type, splits, and training pairs in `tf.data`."""

from typing import TYPE_CHECKING

from tfnxc.datasets.catalogue import CATALOGUE, dataset_splits, domains_of, entry_of, missing_pictures, open_dataset
from tfnxc.datasets.catalogue_entry import CatalogueEntry, Part
from tfnxc.datasets.check import BrokenFile, DatasetCounts, DatasetReport, PartCount, check_dataset, count_dataset
from tfnxc.datasets.image_set import IMAGE_SIZE, ImageSet
from tfnxc.datasets.picture_file import read_picture
from tfnxc.datasets.pipelines import hard_negatives
from tfnxc.datasets.prepared import prepare, prepared, prepared_dataset
from tfnxc.datasets.readers import (
    csv_file,
    cuhk01,
    cuhk03,
    cuhk03_test_sets,
    grid,
    identity_folders,
    market1501,
    market1501_split,
    viper,
)
from tfnxc.datasets.splits import Family, Split, families, get_split, get_splits, load_split, seeded_split
from tfnxc.datasets.synthetic import synthetic
from tfnxc.lazy import lazy_names

if TYPE_CHECKING:
    from tfnxc.datasets.pipelines import GroupPipeline, PairPipeline

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
__getattr__, _ = lazy_names(__name__, dict.fromkeys(("GroupPipeline", "PairPipeline"), "tfnxc.datasets.pipelines"))


def __dir__() -> list[str]:
    return sorted(__all__)
