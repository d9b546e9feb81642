"""Which identities train and which test: published partitions (data files beside this), seeded splits, own files."""

from tfnxc.datasets.splits.by_name import get_split, get_splits
from tfnxc.datasets.splits.family import Family, families
from tfnxc.datasets.splits.seeded_split import seeded_split
from tfnxc.datasets.splits.split import Split
from tfnxc.datasets.splits.split_file import load_split

__all__ = ["Family", "Split", "families", "get_split", "get_splits", "load_split", "seeded_split"]
