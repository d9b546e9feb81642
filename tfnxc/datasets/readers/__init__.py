"""Readers of data sets as users have them on disk, one a file."""

from tfnxc.datasets.readers.csv_file import csv_file
from tfnxc.datasets.readers.cuhk01 import cuhk01
from tfnxc.datasets.readers.cuhk03 import cuhk03, cuhk03_test_sets
from tfnxc.datasets.readers.grid import grid
from tfnxc.datasets.readers.identity_folders import identity_folders
from tfnxc.datasets.readers.market1501 import market1501, market1501_split
from tfnxc.datasets.readers.viper import viper

__all__ = [
    "csv_file",
    "cuhk01",
    "cuhk03",
    "cuhk03_test_sets",
    "grid",
    "identity_folders",
    "market1501",
    "market1501_split",
    "viper",
]
