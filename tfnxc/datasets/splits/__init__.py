"""Which identities train and which test: published partitions (data files beside this), seeded splits, own files."""

from tfnxc.datasets.splits.by_name import Family, families, get_split, get_splits, load_split, seeded_split
from tfnxc.datasets.splits.split import Split

__all__ = ["Family", "Split", "families", "get_split", "get_splits", "load_split", "seeded_split"]
